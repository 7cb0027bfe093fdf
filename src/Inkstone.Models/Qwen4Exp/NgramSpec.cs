namespace Inkstone.Models.Qwen4Exp;

/// <summary>Hashed n-grams: which layers look them up, and how large their tables are when a model is new. A checkpoint's own lists count
/// more.</summary>
/// <param name="Layers">numbers of the layers, from 0, in the order in which they were given factors and primes</param>
/// <param name="Size">tokens of the longest n-gram</param>
/// <param name="HeadsEach">tables of each length</param>
/// <param name="Width">numbers that all tables give together</param>
/// <param name="Kernel">taps of the convolution</param>
/// <param name="VocabularyBase">rows of a table, at least</param>
/// <param name="Divisor">rows of all tables are a multiple of it</param>
/// <param name="Parts">tensors into which the rows are cut, at most</param>
/// <param name="Seed">of the factors</param>
/// <param name="Vocabulary">token ids</param>
/// <param name="End">the token behind which n-grams begin anew; it stands before the first token, too</param>
internal sealed record NgramSpec(
    int[] Layers,
    int Size,
    int HeadsEach,
    int Width,
    int Kernel,
    int VocabularyBase,
    int Divisor,
    int Parts,
    int Seed,
    int Vocabulary,
    int End
)
{
    /// <summary>Tables of a layer.</summary>
    public int Heads => (Size - 1) * HeadsEach;

    /// <summary>Inputs that the convolution of a layer keeps of each sequence.</summary>
    public int History => (Kernel - 1) * Size;

    /// <summary>The factor of each token of an n-gram: odd numbers by SplitMix64, small enough that no product with an id
    /// overflows.</summary>
    public long[] Multipliers(int ordinal)
    {
        ulong half = (ulong)Math.Max(1, long.MaxValue / Vocabulary / 2);
        return
        [
            .. Enumerable
                .Range(1, Size)
                .Select(j =>
                    2 * (long)(SplitMix64(unchecked((ulong)(Seed + 10007L * ordinal) + (ulong)j * 0x9E3779B97F4A7C15)) % half) + 1
                ),
        ];
    }

    /// <summary>Rows of each table of a layer: consecutive primes, so that no two tables of a model fall together alike.</summary>
    public long[] TableSizes(int ordinal) => [.. Primes(VocabularyBase).Skip(Heads * ordinal).Take(Heads)];

    /// <summary>Rows of each tensor that <paramref name="rows"/> rows are cut into.</summary>
    public int[] PartSizes(long rows)
    {
        rows = checked((rows + Divisor - 1) / Divisor * Divisor);
        int each = checked((int)((rows + Parts - 1) / Parts));
        return [.. Enumerable.Range(0, (int)((rows + each - 1) / each)).Select(i => (int)Math.Min(each, rows - (long)i * each))];
    }

    /// <summary>The generator's output function (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), one step on
    /// from a state.</summary>
    private static ulong SplitMix64(ulong state)
    {
        unchecked
        {
            ulong z = state + 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    private static IEnumerable<long> Primes(int from)
    {
        for (long n = Math.Max(2, from); ; n++)
        {
            bool prime = n == 2 || n % 2 != 0;
            for (long d = 3; prime && d * d <= n; d += 2)
            {
                prime = n % d != 0;
            }
            if (prime)
            {
                yield return n;
            }
        }
    }
}
