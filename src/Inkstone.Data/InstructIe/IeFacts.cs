namespace Inkstone.Data;

/// <summary>What the steps decide a record's way by; texts are not kept.</summary>
/// <param name="Topic">number of the topic; -1 where the record is no record</param>
/// <param name="TextHash">of the text</param>
/// <param name="Relations">number of relations</param>
/// <param name="Input">characters of the text</param>
/// <param name="Output">characters of the answer as JSON</param>
/// <param name="HeadTail">characters of the longest head or tail</param>
/// <param name="Match">share of the relations whose head and tail are in the text</param>
internal readonly record struct IeFacts(
    short Topic,
    ulong TextHash,
    ushort Relations,
    ushort Input,
    ushort Output,
    ushort HeadTail,
    float Match
)
{
    /// <summary>Sizes that the percentiles of a topic are taken of, with the names of the reasons.</summary>
    public static readonly (string Reason, Func<IeFacts, int> Size)[] Sizes =
    [
        ("input of its topic's longest", f => f.Input),
        ("relations of its topic's most", f => f.Relations),
        ("output of its topic's longest", f => f.Output),
        ("head or tail of its topic's longest", f => f.HeadTail),
    ];

    public static IeFacts Extract(IeRecord record, int topic)
    {
        if (record.Relations.Count == 0)
        {
            return new((short)topic, record.TextHash, 0, Short(record.Input.Length), 2, 0, 0);
        }
        int found = record.Relations.Count(r =>
            record.Input.Contains(r.Head, StringComparison.Ordinal) && record.Input.Contains(r.Tail, StringComparison.Ordinal)
        );
        return new(
            (short)topic,
            record.TextHash,
            Short(record.Relations.Count),
            Short(record.Input.Length),
            Short(IeTexts.Json(IeTexts.Answer(record.Relations)).Length),
            Short(record.LongestName),
            found / (float)record.Relations.Count
        );
    }

    /// <summary>How well the relations stand in the text.</summary>
    public IeTier Tier(IeRecipe recipe)
    {
        int ideals = (recipe.IdealRelations.Has(Relations) ? 1 : 0) + (recipe.IdealInput.Has(Input) ? 1 : 0);
        float match = Match;
        return Meets(recipe.High) ? IeTier.High
            : Meets(recipe.Medium) ? IeTier.Medium
            : IeTier.Low;

        bool Meets(IeTierRule rule) => match >= (float)rule.Match && ideals >= rule.Ideals;
    }

    /// <summary>simple, medium, complex.</summary>
    public int Complexity =>
        Relations <= 3 && Input < 100 ? 0
        : Relations <= 6 && Input < 250 ? 1
        : 2;

    /// <summary>The tasks that can be made of it, as bits.</summary>
    public int Tasks(IeRecipe recipe) =>
        Tier(recipe) switch
        {
            IeTier.Low => 0b0001,
            IeTier.Medium => 0b0011,
            _ => Relations >= recipe.RepairRelations ? 0b1111 : 0b0111,
        };

    private static ushort Short(int value) => (ushort)Math.Min(value, ushort.MaxValue);
}
