using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of the elementwise ops: work is shared out in blocks of <see cref="Block"/> elements, the last vector of a tensor
/// may be partial.</summary>
/// <remarks>A gradient may be written over the one it is computed from: every vector is read before it is written.</remarks>
internal static unsafe class ElementwiseKernels
{
    /// <summary>Elements per unit of work.</summary>
    public const int Block = 1024;
    private const int Grain = 16;

    /// <summary>Units of work in <paramref name="count"/> elements.</summary>
    public static int Blocks(long count) => checked((int)((count + Block - 1) / Block));

    /// <summary>Shares <paramref name="kernel"/> out over the blocks of <paramref name="count"/> elements.</summary>
    public static void Run<TKernel>(Device device, TKernel kernel, long count)
        where TKernel : unmanaged, IRangeKernel => device.Run(kernel, Blocks(count), Grain);

    public static void Forward<TOperator>(TOperator function, Tensor x, Tensor y)
        where TOperator : unmanaged, IUnaryOperator
    {
        using Profile.Scope _ = x.Device.Measure(UnaryNames<TOperator>.Forward, bytes: 8.0 * x.Count);
        Run(x.Device, new UnaryForward<TOperator>(function, new(x), new(y), x.Count), x.Count);
    }

    public static void Backward<TOperator>(TOperator function, Tensor dy, Tensor x, Tensor y, Tensor dx, bool accumulate)
        where TOperator : unmanaged, IUnaryOperator
    {
        using Profile.Scope _ = x.Device.Measure(UnaryNames<TOperator>.Backward, bytes: 16.0 * x.Count);
        Run(x.Device, new UnaryBackward<TOperator>(function, new(dy), new(x), new(y), new(dx), x.Count, accumulate), x.Count);
    }

    public static void Forward<TOperator>(TOperator function, Tensor a, Tensor b, Tensor y)
        where TOperator : unmanaged, IBinaryOperator
    {
        using Profile.Scope _ = a.Device.Measure(BinaryNames<TOperator>.Forward, bytes: 12.0 * a.Count);
        Run(a.Device, new BinaryForward<TOperator>(function, new(a), new(b), new(y), a.Count), a.Count);
    }

    /// <summary>Gradients of both inputs in one pass; a missing <paramref name="da"/> or <paramref name="db"/> is not wanted.</summary>
    public static void Backward<TOperator>(TOperator function, Tensor dy, Tensor a, Tensor b, Tensor? da, bool addA, Tensor? db, bool addB)
        where TOperator : unmanaged, IBinaryOperator
    {
        using Profile.Scope _ = a.Device.Measure(BinaryNames<TOperator>.Backward, bytes: 20.0 * a.Count);
        Run(a.Device, new BinaryBackward<TOperator>(function, new(dy), new(a), new(b), new(da), addA, new(db), addB, a.Count), a.Count);
    }

    /// <summary>Profile names, made once: an op must not build strings.</summary>
    private static class UnaryNames<TOperator>
        where TOperator : IUnaryOperator
    {
        public static readonly string Forward = TOperator.Name + ".forward",
            Backward = TOperator.Name + ".backward";
    }

    private static class BinaryNames<TOperator>
        where TOperator : IBinaryOperator
    {
        public static readonly string Forward = TOperator.Name + ".forward",
            Backward = TOperator.Name + ".backward";
    }

    private readonly struct UnaryForward<TOperator>(TOperator function, Elements x, Elements y, long count) : IRangeKernel
        where TOperator : unmanaged, IUnaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block,
                last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                y.Store(f.Forward(x.Load(i)), i);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                y.StorePart(f.Forward(x.LoadPart(i, tail)), i, tail);
            }
        }
    }

    private readonly struct UnaryBackward<TOperator>(
        TOperator function,
        Elements dy,
        Elements x,
        Elements y,
        Elements dx,
        long count,
        bool accumulate
    ) : IRangeKernel
        where TOperator : unmanaged, IUnaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block,
                last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                Vector512<float> d = f.Backward(dy.Load(i), x.Load(i), y.Load(i));
                dx.Store(d, i, accumulate);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                Vector512<float> d = f.Backward(dy.LoadPart(i, tail), x.LoadPart(i, tail), y.LoadPart(i, tail));
                dx.StorePart(d, i, tail, accumulate);
            }
        }
    }

    private readonly struct BinaryForward<TOperator>(TOperator function, Elements a, Elements b, Elements y, long count) : IRangeKernel
        where TOperator : unmanaged, IBinaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block,
                last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                y.Store(f.Forward(a.Load(i), b.Load(i)), i);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                y.StorePart(f.Forward(a.LoadPart(i, tail), b.LoadPart(i, tail)), i, tail);
            }
        }
    }

    private readonly struct BinaryBackward<TOperator>(
        TOperator function,
        Elements dy,
        Elements a,
        Elements b,
        Elements da,
        bool addA,
        Elements db,
        bool addB,
        long count
    ) : IRangeKernel
        where TOperator : unmanaged, IBinaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block,
                last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                f.Backward(dy.Load(i), a.Load(i), b.Load(i), out Vector512<float> ga, out Vector512<float> gb);
                if (!da.IsNone)
                {
                    da.Store(ga, i, addA);
                }
                if (!db.IsNone) // after da, which is the same memory in f(x, x)
                {
                    db.Store(gb, i, addB);
                }
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                f.Backward(
                    dy.LoadPart(i, tail),
                    a.LoadPart(i, tail),
                    b.LoadPart(i, tail),
                    out Vector512<float> ga,
                    out Vector512<float> gb
                );
                if (!da.IsNone)
                {
                    da.StorePart(ga, i, tail, addA);
                }
                if (!db.IsNone)
                {
                    db.StorePart(gb, i, tail, addB);
                }
            }
        }
    }
}
