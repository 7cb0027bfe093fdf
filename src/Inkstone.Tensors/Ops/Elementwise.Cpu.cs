using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of the elementwise ops: work is shared out in blocks of <see cref="Block"/> elements, the last vector of a tensor may be partial.</summary>
/// <remarks>A gradient may be written over the one it is computed from: every vector is read before it is written.</remarks>
internal static unsafe class ElementwiseKernels
{
    /// <summary>Elements per unit of work.</summary>
    public const int Block = 1024;
    private const int Grain = 16;

    /// <summary>Units of work in <paramref name="count"/> elements.</summary>
    public static int Blocks(long count) => checked((int)((count + Block - 1) / Block));

    /// <summary>Shares <paramref name="kernel"/> out over the blocks of <paramref name="count"/> elements.</summary>
    public static void Run<TKernel>(Device device, TKernel kernel, long count) where TKernel : unmanaged, IRangeKernel
        => device.Run(kernel, Blocks(count), Grain);

    public static void Forward<TOperator>(TOperator function, Tensor x, Tensor y) where TOperator : unmanaged, IUnaryOperator
    {
        using Profile.Scope _ = x.Device.Measure(UnaryNames<TOperator>.Forward, bytes: 8.0 * x.Count);
        Run(x.Device, new UnaryForward<TOperator>(function, x.F32, y.F32, x.Count), x.Count);
    }

    public static void Backward<TOperator>(TOperator function, Tensor dy, Tensor x, Tensor y, Tensor dx, bool accumulate) where TOperator : unmanaged, IUnaryOperator
    {
        using Profile.Scope _ = x.Device.Measure(UnaryNames<TOperator>.Backward, bytes: 16.0 * x.Count);
        Run(x.Device, new UnaryBackward<TOperator>(function, dy.F32, x.F32, y.F32, dx.F32, x.Count, accumulate), x.Count);
    }

    public static void Forward<TOperator>(TOperator function, Tensor a, Tensor b, Tensor y) where TOperator : unmanaged, IBinaryOperator
    {
        using Profile.Scope _ = a.Device.Measure(BinaryNames<TOperator>.Forward, bytes: 12.0 * a.Count);
        Run(a.Device, new BinaryForward<TOperator>(function, a.F32, b.F32, y.F32, a.Count), a.Count);
    }

    /// <summary>Gradients of both inputs in one pass; a missing <paramref name="da"/> or <paramref name="db"/> is not wanted.</summary>
    public static void Backward<TOperator>(TOperator function, Tensor dy, Tensor a, Tensor b, Tensor? da, bool addA, Tensor? db, bool addB)
        where TOperator : unmanaged, IBinaryOperator
    {
        using Profile.Scope _ = a.Device.Measure(BinaryNames<TOperator>.Backward, bytes: 20.0 * a.Count);
        float* toA = da is null ? null : da.F32, toB = db is null ? null : db.F32;
        Run(a.Device, new BinaryBackward<TOperator>(function, dy.F32, a.F32, b.F32, toA, addA, toB, addB, a.Count), a.Count);
    }

    /// <summary>Profile names, made once: an op must not build strings.</summary>
    private static class UnaryNames<TOperator> where TOperator : IUnaryOperator
    {
        public static readonly string Forward = TOperator.Name + ".forward", Backward = TOperator.Name + ".backward";
    }

    private static class BinaryNames<TOperator> where TOperator : IBinaryOperator
    {
        public static readonly string Forward = TOperator.Name + ".forward", Backward = TOperator.Name + ".backward";
    }

    private readonly struct UnaryForward<TOperator>(TOperator function, float* x, float* y, long count) : IRangeKernel
        where TOperator : unmanaged, IUnaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block, last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                f.Forward(Vector512.Load(x + i)).Store(y + i);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                Lanes.StorePart(f.Forward(Lanes.LoadPart(x + i, tail)), y + i, tail);
            }
        }
    }

    private readonly struct UnaryBackward<TOperator>(TOperator function, float* dy, float* x, float* y, float* dx, long count, bool accumulate) : IRangeKernel
        where TOperator : unmanaged, IUnaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block, last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                Vector512<float> d = f.Backward(Vector512.Load(dy + i), Vector512.Load(x + i), Vector512.Load(y + i));
                (accumulate ? d + Vector512.Load(dx + i) : d).Store(dx + i);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                Vector512<float> d = f.Backward(Lanes.LoadPart(dy + i, tail), Lanes.LoadPart(x + i, tail), Lanes.LoadPart(y + i, tail));
                Lanes.StorePart(accumulate ? d + Lanes.LoadPart(dx + i, tail) : d, dx + i, tail);
            }
        }
    }

    private readonly struct BinaryForward<TOperator>(TOperator function, float* a, float* b, float* y, long count) : IRangeKernel
        where TOperator : unmanaged, IBinaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block, last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                f.Forward(Vector512.Load(a + i), Vector512.Load(b + i)).Store(y + i);
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                Lanes.StorePart(f.Forward(Lanes.LoadPart(a + i, tail), Lanes.LoadPart(b + i, tail)), y + i, tail);
            }
        }
    }

    private readonly struct BinaryBackward<TOperator>(TOperator function, float* dy, float* a, float* b, float* da, bool addA, float* db, bool addB, long count)
        : IRangeKernel where TOperator : unmanaged, IBinaryOperator
    {
        public void Run(int start, int end, int worker)
        {
            TOperator f = function;
            long i = (long)start * Block, last = Math.Min(count, (long)end * Block);
            for (; i <= last - 16; i += 16)
            {
                f.Backward(Vector512.Load(dy + i), Vector512.Load(a + i), Vector512.Load(b + i), out Vector512<float> ga, out Vector512<float> gb);
                if (da != null)
                {
                    (addA ? ga + Vector512.Load(da + i) : ga).Store(da + i);
                }
                if (db != null)   // after da, which is the same memory in f(x, x)
                {
                    (addB ? gb + Vector512.Load(db + i) : gb).Store(db + i);
                }
            }
            int tail = (int)(last - i);
            if (tail > 0)
            {
                f.Backward(Lanes.LoadPart(dy + i, tail), Lanes.LoadPart(a + i, tail), Lanes.LoadPart(b + i, tail), out Vector512<float> ga, out Vector512<float> gb);
                if (da != null)
                {
                    Lanes.StorePart(addA ? ga + Lanes.LoadPart(da + i, tail) : ga, da + i, tail);
                }
                if (db != null)
                {
                    Lanes.StorePart(addB ? gb + Lanes.LoadPart(db + i, tail) : gb, db + i, tail);
                }
            }
        }
    }
}
