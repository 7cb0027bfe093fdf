using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernel of <see cref="Ops.Dropout"/>; forward and backward are the same masking.</summary>
internal static unsafe class DropoutKernels
{
    public static void Forward(Tensor x, float p, PhiloxRandom random, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("dropout.forward", bytes: 8.0 * x.Count);
        ElementwiseKernels.Run(x.Device, new MaskKernel(new(x), new(y), x.Count, p, random, accumulate: false), x.Count);
    }

    public static void Backward(Tensor dy, float p, PhiloxRandom random, Tensor dx, bool accumulate)
    {
        using Profile.Scope _ = dy.Device.Measure("dropout.backward", bytes: 8.0 * dy.Count);
        ElementwiseKernels.Run(dy.Device, new MaskKernel(new(dy), new(dx), dy.Count, p, random, accumulate), dy.Count);
    }

    private readonly struct MaskKernel(Elements x, Elements y, long count, float p, PhiloxRandom random, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long i = (long)start * ElementwiseKernels.Block,
                last = Math.Min(count, (long)end * ElementwiseKernels.Block);
            uint* numbers = stackalloc uint[PhiloxVectors.Count];
            for (; i < last; i += PhiloxVectors.Count)
            {
                PhiloxVectors.Blocks(random, (ulong)i >> 2, numbers); // four numbers a counter
                for (int lane = 0; lane < PhiloxVectors.Count && i + lane < last; lane += 16)
                {
                    int left = (int)Math.Min(16, last - i - lane);
                    if (left == 16)
                    {
                        y.Store(Mask(x.Load(i + lane), numbers + lane), i + lane, accumulate);
                    }
                    else
                    {
                        y.StorePart(Mask(x.LoadPart(i + lane, left), numbers + lane), i + lane, left, accumulate);
                    }
                }
            }
        }

        /// <summary><see cref="PhiloxRandom.ToUniform"/> of the numbers decides what stays.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Mask(Vector512<float> values, uint* numbers)
        {
            Vector512<float> uniform = Vector512.ConvertToSingle((Vector512.Load(numbers) >> 8).AsInt32()) * (1f / (1 << 24));
            return Vector512.ConditionalSelect(
                Vector512.GreaterThanOrEqual(uniform, Vector512.Create(p)),
                values * (1 / (1 - p)),
                Vector512<float>.Zero
            );
        }
    }
}
