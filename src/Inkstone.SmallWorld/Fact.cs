namespace Inkstone.SmallWorld;

/// <summary>How much of a fact the corpus shows.</summary>
internal enum Exposure
{
    /// <summary>Every phrasing, and the questions.</summary>
    Full,

    /// <summary>Every phrasing, but never a question: who has learned to answer can still answer it.</summary>
    Unasked,

    /// <summary>The other phrasings only: whoever has understood them can complete the one that was never shown.</summary>
    Restated,

    /// <summary>Nothing: the fact follows from others.</summary>
    Never,
}

/// <summary>One fact in one language: its first phrasing in two parts (what is asked and what is to be known), others, and
/// questions.</summary>
/// <param name="Category">The kind of fact: people, family, addition, counting, comparison, calendar, towns, things.</param>
/// <param name="Relation">What is told: "mother", "plus", "tomorrow".</param>
/// <param name="Subject">Index of the person, town or number it is told of.</param>
/// <param name="Language">The language.</param>
/// <param name="Stem">The beginning of the first phrasing.</param>
/// <param name="Answer">Its end, without the full stop.</param>
/// <param name="Others">Other phrasings, whole sentences.</param>
/// <param name="Questions">Ways to ask; a Chinese or English sentence each.</param>
internal sealed record Fact(
    string Category,
    string Relation,
    int Subject,
    WorldLanguage Language,
    string Stem,
    string Answer,
    string[] Others,
    string[] Questions
)
{
    public Exposure Exposure { get; init; }

    /// <summary>A way to ask that no document uses and no fine-tuning, or null.</summary>
    public string? NewWords { get; init; }

    /// <summary>Whether documents tell it in its first phrasing.</summary>
    public bool IsShown => Exposure is Exposure.Full or Exposure.Unasked;

    /// <summary>The first phrasing: also the answer to the questions.</summary>
    public string Sentence => Stem + (Language == WorldLanguage.Chinese ? $"{Answer}。" : $" {Answer}.");

    /// <summary>The sentences that documents may contain.</summary>
    public string[] Told =>
        Exposure switch
        {
            Exposure.Full or Exposure.Unasked => [Sentence, .. Others],
            Exposure.Restated => Others,
            _ => [],
        };

    /// <summary>The sentences that no document may contain.</summary>
    public string[] Untold =>
        Exposure switch
        {
            Exposure.Full or Exposure.Unasked => [],
            Exposure.Restated => [Sentence],
            _ => [Sentence, .. Others],
        };
}
