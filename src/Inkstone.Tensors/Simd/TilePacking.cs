using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Left operands of AMX that lie transposed in memory: they become bfloat16, row-major, rows padded by
/// <see cref="AmxKernel.RowPaddingBytes"/>.</summary>
internal static unsafe class TilePacking
{
    /// <summary>Packs <paramref name="count"/> rows whose values of k lie apart (zeros up to <paramref name="rows"/>) of
    /// <paramref name="k"/> values (zeros up to <paramref name="padded"/>).</summary>
    public static void Columns(MatrixView a, int count, int rows, int k, int padded, byte* target)
    {
        nint stride = padded * sizeof(ushort) + AmxKernel.RowPaddingBytes;
        int done = 0;
        if (CpuFeatures.HasAvx512 && !a.Type.IsQuantised() && a.RowStride == 1 && count == rows && rows % 16 == 0)
        {
            done = k / 32 * 32;
            for (int i = 0; i < rows; i += 16)
            {
                Transpose(a.From(i, 0).Pointer, a.Type == DType.BFloat16, a.ColumnStride, done, target + i * stride, stride);
            }
        }
        for (int i = 0; i < rows; i++)
        {
            ushort* row = (ushort*)(target + i * stride);
            if (i >= count)
            {
                new Span<ushort>(row, padded).Clear();
                continue;
            }
            for (int p = done; p < padded; p++)
            {
                row[p] = p < k ? BFloat16Bits.FromFloat(Packing.Read(a.From(i, p).Pointer, a.Type)) : (ushort)0;
            }
        }
    }

    /// <summary>16 rows of A that lie side by side in memory: pairs of k are joined, then 16 × 16 of them are transposed.</summary>
    private static void Transpose(byte* source, bool half, nint strideK, int k, byte* target, nint stride)
    {
        SixteenVectors block;
        Vector512<uint>* pairs = (Vector512<uint>*)&block;
        for (int p = 0; p < k; p += 32)
        {
            for (int j = 0; j < 16; j++)
            {
                nint even = (p + 2 * j) * strideK;
                pairs[j] = half
                    ? BFloat16Bits.Join(
                        BFloat16Bits.Load((ushort*)source + even).AsUInt32(),
                        BFloat16Bits.Load((ushort*)source + even + strideK).AsUInt32()
                    )
                    : BFloat16Bits.Join(
                        BFloat16Bits.RoundInPlace(Vector512.Load((float*)source + even)),
                        BFloat16Bits.RoundInPlace(Vector512.Load((float*)source + even + strideK))
                    );
            }
            Transpose16.Run(pairs, (uint*)target + p / 2, stride / sizeof(uint));
        }
    }
}
