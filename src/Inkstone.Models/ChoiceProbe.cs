using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What an indexer's choice keeps of the attention in one layer, means over the queries that see more than may be chosen.</summary>
/// <param name="Layer">number of the layer</param>
/// <param name="Queries">how many</param>
/// <param name="Kept">share of the attention's probability that falls on what was chosen</param>
/// <param name="Best">the same of the keys that have most of it, as many of them</param>
/// <param name="Even">the same if all keys had equally much</param>
public readonly record struct ChoiceShare(int Layer, long Queries, double Kept, double Best, double Even);

/// <summary>
/// Looks at what indexers choose while attention sees everything: how much of its own probability, summed over heads, the choice would
/// keep. Computed anew in double precision. Entries of DeepSeek-V4 are compared with one another; the window is always seen.
/// </summary>
public sealed class ChoiceProbe
{
    private readonly SortedDictionary<int, (long Queries, double Kept, double Best, double Even)> _layers = [];

    /// <summary>Layers with an indexer that had to choose.</summary>
    public IReadOnlyList<ChoiceShare> Layers =>
        [
            .. _layers.Select(layer => new ChoiceShare(
                layer.Key,
                layer.Value.Queries,
                layer.Value.Kept / layer.Value.Queries,
                layer.Value.Best / layer.Value.Queries,
                layer.Value.Even / layer.Value.Queries
            )),
        ];

    /// <summary>Takes in a layer.</summary>
    /// <param name="layer">its number</param>
    /// <param name="q">[1, T, H·D]</param>
    /// <param name="keys">[1, S, Hkv·D]</param>
    /// <param name="chosen">int32 [T, K]: rows of keys, −1 behind the last</param>
    /// <param name="visible">what each query may see</param>
    /// <param name="a">heads and scale</param>
    /// <param name="logSum">[T, H]: logarithms of the attention's sums where it sees more than these keys; null: these alone</param>
    internal void Look(int layer, Tensor q, Tensor keys, Tensor chosen, VisibleKeys visible, AttentionSpec a, Tensor? logSum = null)
    {
        float[] queries = q.ToArray(),
            all = keys.ToArray(),
            sums = logSum?.ToArray() ?? [];
        (long count, double kept, double best, double even) = _layers.GetValueOrDefault(layer);
        int most = chosen.Shape.Last;
        int[] places = new int[chosen.Count],
            firsts = new int[visible.First.Count],
            counts = new int[visible.Count.Count];
        chosen.CopyTo(places);
        visible.First.CopyTo(firsts);
        visible.Count.CopyTo(counts);
        double[] mass = new double[keys.Shape.Rows],
            scores = new double[mass.Length];
        for (int row = 0; row < q.Shape.Rows; row++)
        {
            (int first, int seen) = (firsts[row], counts[row]);
            Span<int> taken = places.AsSpan(row * most, most);
            int none = taken.IndexOf(-1);
            taken = none < 0 ? taken : taken[..none];
            if (seen <= taken.Length)
            {
                continue;
            }
            Span<double> p = mass.AsSpan(0, seen);
            p.Clear();
            for (int head = 0; head < a.Heads; head++)
            {
                ReadOnlySpan<float> query = queries.AsSpan((row * a.Heads + head) * a.HeadDim, a.HeadDim),
                    own = all.AsSpan(first * a.KeyWidth + head / (a.Heads / a.KeyValueHeads) * a.HeadDim);
                Score(query, own, a, scores.AsSpan(0, seen));
                Add(p, scores.AsSpan(0, seen), sums.Length > 0 ? sums[row * a.Heads + head] : null);
            }
            double total = 0,
                held = 0,
                top = 0;
            foreach (double one in p)
            {
                total += one;
            }
            foreach (int key in taken)
            {
                held += p[key - first];
            }
            p.Sort();
            foreach (double one in p[^taken.Length..])
            {
                top += one;
            }
            (count, kept, best, even) = (count + 1, kept + held / total, best + top / total, even + (double)taken.Length / seen);
        }
        if (count > 0)
        {
            _layers[layer] = (count, kept, best, even);
        }
    }

    /// <summary>Scores of the keys of one head, whose first begins <paramref name="keys"/>.</summary>
    private static void Score(ReadOnlySpan<float> query, ReadOnlySpan<float> keys, AttentionSpec a, Span<double> scores)
    {
        for (int i = 0; i < scores.Length; i++)
        {
            ReadOnlySpan<float> key = keys.Slice(i * a.KeyWidth, a.HeadDim);
            double sum = 0;
            for (int j = 0; j < key.Length; j++)
            {
                sum += (double)query[j] * key[j];
            }
            scores[i] = a.Scale * sum;
        }
    }

    /// <summary>Adds the probabilities that scores stand for.</summary>
    private static void Add(Span<double> mass, ReadOnlySpan<double> scores, double? logSum)
    {
        double greatest = double.NegativeInfinity,
            sum = 0;
        foreach (double score in scores)
        {
            greatest = Math.Max(greatest, score);
        }
        foreach (double score in scores)
        {
            sum += Math.Exp(score - greatest);
        }
        double log = logSum ?? greatest + Math.Log(sum);
        for (int i = 0; i < mass.Length; i++)
        {
            mass[i] += Math.Exp(scores[i] - log);
        }
    }
}
