using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>What the backward pass needs of each query of a block: the keys it sees, its log-sum-exp to base 2, and δ · scale. A row is a
/// query, a lane a key.</summary>
internal unsafe struct QueryRows
{
    private const int Block = Strips.Block,
        Width = Strips.Width;

    /// <summary>2^(s − this) is 0 for every score.</summary>
    private const float Unreachable = 1e30f;

    /// <summary>First key that each query sees. It never falls from one query to the next.</summary>
    public fixed int First[Block];

    /// <summary>Σ do∘o · scale.</summary>
    public fixed float Delta[Block];

    private fixed float _shift[Block];
    private int _count,
        _started;

    /// <summary>Starts a block whose first query stands at <paramref name="query"/>; rows behind its <paramref name="count"/> queries get
    /// probability 0.</summary>
    public void Begin(AttentionSizes sizes, int* starts, int query, int count, float* logarithms)
    {
        (_count, _started) = (count, 0);
        for (int i = 0; i < Block; i++)
        {
            int t = Math.Min(i, count - 1);
            First[i] = sizes.FirstKey(starts == null ? 0 : starts[t], query + t);
            (_shift[i], Delta[i]) = (i < count ? logarithms[i] : Unreachable, 0);
        }
    }

    /// <summary>False the first time that it is asked about a strip of 32 queries.</summary>
    public bool Started(int strip)
    {
        bool started = (_started >> strip & 1) != 0;
        _started |= 1 << strip;
        return started;
    }

    /// <summary>The rows that see some of 32 keys from <paramref name="key"/> on: from a multiple of <paramref name="tile"/> to an even
    /// number.</summary>
    public readonly (int Begin, int End) Seeing(int key, int query, int tile)
    {
        int end = _count;
        while (end > 0 && First[end - 1] >= key + Width)
        {
            end--;
        }
        return (Math.Max(0, key - query) / tile * tile, (end + 1) / 2 * 2);
    }

    /// <summary>Scores of keys that a query does not see become −∞. Row i of <paramref name="scores"/> [·, 32] is query
    /// <paramref name="query"/> + i.</summary>
    public void Mask(float* scores, int key, int query, int begin, int end)
    {
        Vector512<int> key0 = Vector512.Create(key) + Vector512<int>.Indices,
            key1 = key0 + Vector512.Create(16);
        for (int i = begin; i < end; i++)
        {
            if (First[i] > key || query + i < key + Width - 1)
            {
                Vector512<int> first = Vector512.Create(First[i]),
                    last = Vector512.Create(query + i);
                StripRows.Hide(scores + i * Width, Vector512.GreaterThan(first, key0) | Vector512.GreaterThan(key0, last));
                StripRows.Hide(scores + i * Width + 16, Vector512.GreaterThan(first, key1) | Vector512.GreaterThan(key1, last));
            }
        }
    }

    /// <summary>
    /// Scores s become capped ones s′ with scale · s′ = cap · tanh(scale · s / cap), and do·v becomes what gives their gradient times 1 −
    /// tanh² in <see cref="Gradients"/>:
    /// ((do·v · scale − δ) (1 − tanh²) + δ) / scale, δ with the scale in it.
    /// </summary>
    public void SoftCap(float* scores, float* dScores, int begin, int end, float scale, float cap)
    {
        Vector512<float> inner = Vector512.Create(scale / cap),
            outer = Vector512.Create(cap / scale),
            b = Vector512.Create(scale),
            inverse = Vector512.Create(1 / scale);
        for (int i = begin; i < end; i++)
        {
            Vector512<float> delta = Vector512.Create(Delta[i]);
            for (float* s = scores + i * Width, d = dScores + i * Width, last = s + Width; s < last; s += 16, d += 16)
            {
                Vector512<float> t = Lanes.Tanh(Vector512.Load(s) * inner);
                (t * outer).Store(s);
                (
                    Vector512.FusedMultiplyAdd(
                        Vector512.FusedMultiplyAdd(Vector512.Load(d), b, -delta),
                        Vector512<float>.One - t * t,
                        delta
                    ) * inverse
                ).Store(d);
            }
        }
    }

    /// <summary>
    /// s becomes p = 2^(scale · log₂e · s − lse) and do·v becomes ds = p ∘ (do·v − δ) · scale: in place where <paramref name="p"/> is null,
    /// else as rows of pairs.
    /// </summary>
    public void Gradients(float* scores, float* dScores, int begin, int end, float scale, uint* p, uint* ds)
    {
        Vector512<float> a = Vector512.Create(scale * Lanes.Log2E),
            b = Vector512.Create(scale);
        float* s = scores + begin * Width,
            d = dScores + begin * Width;
        if (p == null)
        {
            for (int i = begin; i < end; i++, s += Width, d += Width)
            {
                Vector512<float> shift = Vector512.Create(-_shift[i]),
                    delta = Vector512.Create(-Delta[i]);
                Vector512<float> p0 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(s), a, shift)),
                    p1 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(s + 16), a, shift));
                p0.Store(s);
                p1.Store(s + 16);
                (p0 * Vector512.FusedMultiplyAdd(Vector512.Load(d), b, delta)).Store(d);
                (p1 * Vector512.FusedMultiplyAdd(Vector512.Load(d + 16), b, delta)).Store(d + 16);
            }
            return;
        }
        p += begin / 2 * Width;
        ds += begin / 2 * Width;
        for (int i = begin; i < end; i += 2, s += 2 * Width, d += 2 * Width, p += Width, ds += Width)
        {
            Vector512<float> shift = Vector512.Create(-_shift[i]),
                delta = Vector512.Create(-Delta[i]),
                shiftOdd = Vector512.Create(-_shift[i + 1]),
                deltaOdd = Vector512.Create(-Delta[i + 1]);
            for (int half = 0; half < Width; half += 16)
            {
                Vector512<float> even = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(s + half), a, shift));
                Vector512<float> odd = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(s + half + Width), a, shiftOdd));
                StripRows.Pair(even, odd).Store(p + half);
                even *= Vector512.FusedMultiplyAdd(Vector512.Load(d + half), b, delta);
                odd *= Vector512.FusedMultiplyAdd(Vector512.Load(d + half + Width), b, deltaOdd);
                StripRows.Pair(even, odd).Store(ds + half);
            }
        }
    }
}
