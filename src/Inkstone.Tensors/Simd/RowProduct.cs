namespace Inkstone.Tensors;

/// <summary>What rows are multiplied with, and where the product goes: C[M, N] = A · B (+ addend).</summary>
/// <param name="b">[K, N]</param>
/// <param name="n">N</param>
/// <param name="c">[M, N], rows <paramref name="strideC"/> apart</param>
/// <param name="strideC">elements from one row of C to the next</param>
/// <param name="addend">null for none</param>
/// <param name="strideAddend">elements from one row of the addend to the next (0: one row for all)</param>
internal readonly unsafe struct RowProduct(MatrixView b, int n, float* c, nint strideC, float* addend, nint strideAddend)
{
    public MatrixView B => b;

    public int N => n;

    public float* C => c;

    public nint StrideC => strideC;

    public float* Addend => addend;

    public nint StrideAddend => strideAddend;

    public long Bytes(int k) => b.Type.Bytes((long)n * k);
}

/// <summary>Two or three kernels of a kind as one job, their ranges one behind the other: threads meet once instead of two or three
/// times.</summary>
/// <param name="first">has the units [0, <paramref name="firstEnd"/>)</param>
/// <param name="second">those up to <paramref name="secondEnd"/></param>
/// <param name="third">the rest, if there is one</param>
/// <param name="firstEnd">units of the first</param>
/// <param name="secondEnd">units of the first two</param>
internal readonly struct JoinedKernels<T>(T first, T second, T third, int firstEnd, int secondEnd) : IRangeKernel
    where T : struct, IRangeKernel
{
    public void Run(int start, int end, int worker)
    {
        if (start < firstEnd)
        {
            first.Run(start, Math.Min(end, firstEnd), worker);
        }
        if (start < secondEnd && end > firstEnd)
        {
            second.Run(Math.Max(start, firstEnd) - firstEnd, Math.Min(end, secondEnd) - firstEnd, worker);
        }
        if (end > secondEnd)
        {
            third.Run(Math.Max(start, secondEnd) - secondEnd, end - secondEnd, worker);
        }
    }
}
