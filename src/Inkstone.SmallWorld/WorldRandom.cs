namespace Inkstone.SmallWorld;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): written out here so that a seed gives the same world on every runtime.
/// </summary>
internal sealed class WorldRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A number in [0, limit); the bias of the multiplication is below 2^-32 for the small limits used here.</summary>
    public int Next(int limit)
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (int)(((z ^ (z >> 31)) >> 32) * (ulong)limit >> 32);
    }

    /// <summary>A number in [low, high].</summary>
    public int Between(int low, int high) => low + Next(high - low + 1);

    /// <summary>True once in <paramref name="n"/> times.</summary>
    public bool OneIn(int n) => Next(n) == 0;

    public T Pick<T>(IReadOnlyList<T> items) => items[Next(items.Count)];

    /// <summary>A shuffled copy (Fisher-Yates).</summary>
    public T[] Shuffled<T>(IEnumerable<T> items)
    {
        T[] copy = [.. items];
        for (int i = copy.Length - 1; i > 0; i--)
        {
            int j = Next(i + 1);
            (copy[i], copy[j]) = (copy[j], copy[i]);
        }
        return copy;
    }

    /// <summary>Some of the items, each at most once, in a new order.</summary>
    public T[] Some<T>(IReadOnlyList<T> items, int count) => Shuffled(items)[..Math.Min(count, items.Count)];
}
