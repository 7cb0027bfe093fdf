using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// C = A · Bᵀ for a few rows of A, as in decoding: each row of the weight is read once, straight from memory, and multiplied with every row of A.
/// Bound by memory, so nothing is packed; products are float32 whatever the storage.
/// </summary>
internal static unsafe class SmallRows
{
    /// <summary>Above this many rows the packed product wins.</summary>
    public const int MostRows = 4;

    private const int Grain = 64;

    public static void Run(Device device, MatrixView a, MatrixView b, int m, int n, int k, float* c, nint strideC, float* addend, nint strideAddend)
        => device.Run(new Kernel(a, b, m, k, c, strideC, addend, strideAddend), n, Grain);

    private readonly struct Kernel(MatrixView a, MatrixView b, int m, int k, float* c, nint strideC, float* addend, nint strideAddend) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int column = start; column < end; column++)
            {
                MatrixView weight = b.At(0, column);
                for (int row = 0; row < m; row++)
                {
                    float* x = (float*)a.At(row, 0).Pointer;
                    float sum = weight.Type == DType.Float32 ? Lanes.Dot(x, (float*)weight.Pointer, k) : Lanes.DotBFloat16(x, (ushort*)weight.Pointer, k);
                    float start0 = addend == null ? 0 : addend[row * strideAddend + column];
                    c[row * strideC + column] = start0 + sum;
                }
            }
        }
    }
}
