namespace Inkstone.Data;

/// <summary>
/// Which tasks of which records are taken: shares by task, equal numbers by topic, the better tier before the worse, and of a tier the
/// records of middle complexity
/// first, then the simple, then the complex. Splits are those of the source texts, so no text is in two.
/// </summary>
internal sealed class IeSample(IeRecipe recipe, IeSchema schema)
{
    private const int Tasks = 4;

    /// <summary>medium, simple, complex.</summary>
    private static readonly int[] Preference = [1, 0, 2];

    private readonly string[] _topics = [.. schema.Fields.Keys];

    /// <summary>What there was too little of.</summary>
    public List<string> Shortages { get; } = [];

    /// <summary>Whether a text is held out.</summary>
    public bool IsValid(ulong textHash) => (Mixed(textHash, 97) >> 11) * (1.0 / (1UL << 53)) < recipe.Valid;

    /// <summary>A random number of a record and a task.</summary>
    public ulong SortKey(ulong textHash, int task) => Mixed(textHash, task);

    /// <summary>Bits of the tasks that are taken, by record.</summary>
    /// <param name="facts">of all records</param>
    /// <param name="kept">whether a record has come so far</param>
    public byte[] Choose(IReadOnlyList<IeFacts> facts, IReadOnlyList<bool> kept)
    {
        byte[] chosen = new byte[facts.Count];
        int valid = (int)Math.Round(recipe.Total * recipe.Valid);
        foreach ((string name, bool held, int total) in new[] { ("training", false, recipe.Total - valid), ("held-out", true, valid) })
        {
            int[] records = [.. Enumerable.Range(0, facts.Count).Where(i => kept[i] && IsValid(facts[i].TextHash) == held)];
            long[] byTask = Quotas.Divide(total, recipe.Ratios, [.. Enumerable.Repeat((long)total, Tasks)]);
            for (int task = 0; task < Tasks; task++)
            {
                Take(name, records, task, byTask[task], facts, chosen);
            }
        }
        return chosen;
    }

    private void Take(string split, int[] records, int task, long wanted, IReadOnlyList<IeFacts> facts, byte[] chosen)
    {
        ILookup<short, int> byTopic = records.Where(i => (facts[i].Tasks(recipe) >> task & 1) != 0).ToLookup(i => facts[i].Topic);
        long[] caps = [.. Enumerable.Range(0, _topics.Length).Select(t => (long)byTopic[(short)t].Count())];
        if (caps.Sum() < wanted)
        {
            Shortages.Add($"{split} texts give {caps.Sum()} {IeRecipe.TaskNames[task]} of {wanted}");
        }
        long[] quotas = Quotas.Divide(Math.Min(wanted, caps.Sum()), [.. caps.Select(_ => 1.0)], caps);
        for (int topic = 0; topic < quotas.Length; topic++)
        {
            foreach (
                int record in byTopic[(short)topic]
                    .OrderBy(i => facts[i].Tier(recipe))
                    .ThenBy(i => Array.IndexOf(Preference, facts[i].Complexity))
                    .ThenBy(i => SortKey(facts[i].TextHash, task))
                    .ThenBy(i => i)
                    .Take((int)quotas[topic])
            )
            {
                chosen[record] |= (byte)(1 << task);
            }
        }
    }

    /// <summary>SplitMix64's last step, over hash, seed and purpose.</summary>
    private ulong Mixed(ulong hash, int purpose)
    {
        ulong z = unchecked(hash + ((ulong)recipe.Seed * 0x9E3779B97F4A7C15) + ((ulong)purpose * 0xD1B54A32D192ED03));
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
