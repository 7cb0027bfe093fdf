using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>What is kept of 32 queries while they go through their keys: what they see, and the running softmax. A lane is a query; missing
/// ones repeat the last.</summary>
/// <remarks>Passes over a block are not inlined: together they exceed what the compiler inlines into one method, and what is left over runs
/// as calls.</remarks>
internal unsafe struct QueryStrip
{
    private const int Width = Strips.Width;

    /// <summary>
    /// A running maximum moves only when it grew by this many powers of two: what was summed is rarely rescaled, and probabilities stay
    /// below 2⁸ until the division
    /// by their sum.
    /// </summary>
    private const float Growth = 8;

    /// <summary>Below every score, and finite: −∞ − shift is −∞ and not NaN.</summary>
    private const float Lowest = -1e30f;

    private fixed int _first[Width],
        _last[Width];
    private fixed float _shift[Width],
        _total[Width];

    /// <summary>The packed queries.</summary>
    public byte* Queries;

    /// <summary>Oᵀ [Dv, 32], not yet divided.</summary>
    public float* Sums;

    /// <summary>First and last key that some query sees.</summary>
    public int Low,
        High;

    /// <summary>First and last key of those that all queries see.</summary>
    public int AllLow,
        AllHigh;

    /// <summary><see cref="Sums"/> holds something.</summary>
    public bool Started;

    /// <summary>Sets the keys that each of <paramref name="count"/> queries sees, of which the first stands at <paramref name="position"/>.
    /// A sink is a score that all of them have.</summary>
    public void Begin(AttentionSizes sizes, int* starts, int position, int count, float* sink = null)
    {
        (Low, High, AllLow, AllHigh, Started) = (int.MaxValue, 0, 0, int.MaxValue, false);
        for (int i = 0; i < Width; i++)
        {
            int t = Math.Min(i, count - 1),
                first = sizes.FirstKey(starts == null ? 0 : starts[t], position + t);
            (_first[i], _last[i], _shift[i], _total[i]) = (
                first,
                position + t,
                sink == null ? Lowest : *sink * Lanes.Log2E,
                sink == null ? 0 : 1
            );
            (Low, High, AllLow, AllHigh) = (
                Math.Min(Low, first),
                Math.Max(High, position + t),
                Math.Max(AllLow, first),
                Math.Min(AllHigh, position + t)
            );
        }
    }

    /// <summary>Scores of keys that a query does not see become −∞. Row i of <paramref name="scores"/> [·, 32] is key
    /// <paramref name="key"/> + i.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Mask(float* scores, int key, int begin, int end)
    {
        fixed (
            int* first = _first,
                last = _last
        )
        {
            Vector512<int> low0 = Vector512.Load(first),
                low1 = Vector512.Load(first + 16),
                high0 = Vector512.Load(last),
                high1 = Vector512.Load(last + 16);
            for (int i = begin; i < end; i++)
            {
                if (key + i >= AllLow && key + i <= AllHigh)
                {
                    i = Math.Min(end, AllHigh + 1 - key) - 1; // the rest of what all see
                    continue;
                }
                float* row = scores + i * Width;
                Vector512<int> here = Vector512.Create(key + i);
                StripRows.Hide(row, Vector512.GreaterThan(low0, here) | Vector512.GreaterThan(here, high0));
                StripRows.Hide(row + 16, Vector512.GreaterThan(low1, here) | Vector512.GreaterThan(here, high1));
            }
        }
    }

    /// <summary>Takes account of the maxima of a block's scores · <paramref name="scale"/>; sums of <paramref name="valueDim"/> rows are
    /// rescaled where they grew.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Raise(float* scores, int begin, int end, float scale, int valueDim)
    {
        Vector512<float> lowest = Vector512.Create(float.NegativeInfinity),
            a0 = lowest,
            a1 = lowest,
            b0 = lowest,
            b1 = lowest;
        float* row = scores + begin * Width;
        int i = begin;
        for (; i < end - 1; i += 2, row += 2 * Width)
        {
            a0 = Vector512.MaxNative(a0, Vector512.Load(row));
            a1 = Vector512.MaxNative(a1, Vector512.Load(row + 16));
            b0 = Vector512.MaxNative(b0, Vector512.Load(row + 32));
            b1 = Vector512.MaxNative(b1, Vector512.Load(row + 48));
        }
        if (i < end)
        {
            a0 = Vector512.MaxNative(a0, Vector512.Load(row));
            a1 = Vector512.MaxNative(a1, Vector512.Load(row + 16));
        }
        fixed (
            float* shift = _shift,
                total = _total
        )
        {
            Raise(Vector512.MaxNative(a0, b0) * scale, shift, total, Sums, valueDim);
            Raise(Vector512.MaxNative(a1, b1) * scale, shift + 16, total + 16, Sums + 16, valueDim);
        }
    }

    private readonly void Raise(Vector512<float> max, float* shift, float* total, float* sums, int valueDim)
    {
        Vector512<float> old = Vector512.Load(shift);
        if (!Vector512.GreaterThanAny(max, old + Vector512.Create(Growth)))
        {
            return;
        }
        Vector512<float> raised = Vector512.Max(old, max),
            factor = Lanes.Exp2(old - raised);
        raised.Store(shift);
        (Vector512.Load(total) * factor).Store(total);
        for (int d = 0; d < valueDim && Started; d++)
        {
            (Vector512.Load(sums + d * Width) * factor).Store(sums + d * Width);
        }
    }

    /// <summary>Scores become p = 2^(scale · s − shift) and are added to the totals; <paramref name="pairs"/> null: in place, else as rows
    /// of pairs.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Exponentials(float* scores, int begin, int end, float scale, uint* pairs)
    {
        Vector512<float> a = Vector512.Create(scale);
        fixed (
            float* shift = _shift,
                total = _total
        )
        {
            Vector512<float> m0 = -Vector512.Load(shift),
                m1 = -Vector512.Load(shift + 16),
                sum0 = Vector512.Load(total),
                sum1 = Vector512.Load(total + 16);
            float* row = scores + begin * Width;
            pairs = pairs == null ? null : pairs + begin / 2 * Width;
            for (int i = begin; i < end; i += 2, row += 2 * Width)
            {
                Vector512<float> p0 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(row), a, m0)),
                    p1 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(row + 16), a, m1));
                Vector512<float> q0 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(row + 32), a, m0)),
                    q1 = Lanes.Exp2(Vector512.FusedMultiplyAdd(Vector512.Load(row + 48), a, m1));
                sum0 += p0 + q0;
                sum1 += p1 + q1;
                if (pairs == null)
                {
                    p0.Store(row);
                    p1.Store(row + 16);
                    q0.Store(row + 32);
                    q1.Store(row + 48);
                }
                else
                {
                    StripRows.Pair(p0, q0).Store(pairs);
                    StripRows.Pair(p1, q1).Store(pairs + 16);
                    pairs += Width;
                }
            }
            sum0.Store(total);
            sum1.Store(total + 16);
        }
    }

    /// <summary>Divides by the totals and gives the base-2 logarithms of the sums of exponentials of <paramref name="count"/>
    /// queries.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void End(int valueDim, float* logarithms, int count)
    {
        fixed (
            float* shift = _shift,
                total = _total
        )
        {
            Vector512<float> one0 = Vector512<float>.One / Vector512.Load(total),
                one1 = Vector512<float>.One / Vector512.Load(total + 16);
            for (int d = 0; d < valueDim; d++)
            {
                (Vector512.Load(Sums + d * Width) * one0).Store(Sums + d * Width);
                (Vector512.Load(Sums + d * Width + 16) * one1).Store(Sums + d * Width + 16);
            }
            for (int i = 0; i < Width; i += 16)
            {
                (Vector512.Load(shift + i) + Vector512.Log2(Vector512.Load(total + i))).Store(total + i);
            }
            new ReadOnlySpan<float>(total, count).CopyTo(new Span<float>(logarithms, count));
        }
    }
}
