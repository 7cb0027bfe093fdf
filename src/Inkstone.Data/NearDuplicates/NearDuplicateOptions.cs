namespace Inkstone.Data;

/// <summary>What a text is cut into before two texts are compared.</summary>
public enum ShingleKind
{
    /// <summary>Every five characters (Unicode code points) in a row.</summary>
    Characters,

    /// <summary>Every five words in a row, words being what white space separates.</summary>
    Words,

    /// <summary>Words, but characters for a text that holds any letter of a script that does not part its words (Han, kana, Thai and the
    /// like).</summary>
    Auto,
}

/// <summary>How near duplicates are looked for.</summary>
/// <param name="Threshold">The least Jaccard similarity of the shingle sets of a pair, in [0.3, 1].</param>
/// <param name="Shingles">What is compared.</param>
/// <param name="Threads">Threads to use; 0 is one for each core. The result does not depend on it.</param>
public sealed record NearDuplicateOptions(double Threshold = 0.8, ShingleKind Shingles = ShingleKind.Characters, int Threads = 0)
{
    /// <summary>Throws if a value makes no sense.</summary>
    /// <exception cref="ArgumentException">The threshold is out of range.</exception>
    public void Validate()
    {
        if (!(Threshold is >= 0.3 and <= 1))
        {
            throw new ArgumentException($"the threshold {Threshold} is not in [0.3, 1]: 0.8 finds copies with small changes.");
        }
    }

    internal int Workers => Threads > 0 ? Threads : Environment.ProcessorCount;
}

/// <summary>How far a search has come: its stage, and how much of it is done.</summary>
public sealed record NearDuplicateProgress(string Stage, long Done, long Total);

/// <summary>Two rows, counted from 0, that share <paramref name="Common"/> of <paramref name="Union"/> shingles.</summary>
/// <param name="A">The earlier row.</param>
/// <param name="B">The later row.</param>
/// <param name="Common">Shingles that both have.</param>
/// <param name="Union">Shingles that any of both has.</param>
internal readonly record struct NearPair(uint A, uint B, uint Common, uint Union)
{
    /// <summary>|A ∩ B| / |A ∪ B|.</summary>
    public double Jaccard => (double)Common / Union;
}

/// <summary>Counts of a search.</summary>
/// <param name="Documents">Documents compared, those without a shingle included.</param>
/// <param name="Candidates">Different pairs whose exact similarity was computed.</param>
/// <param name="Pairs">Pairs at or above the threshold.</param>
/// <param name="Cut">Documents in buckets so large that they were compared with the nearest before them only.</param>
public sealed record NearDuplicateCounts(long Documents, long Candidates, long Pairs, long Cut);
