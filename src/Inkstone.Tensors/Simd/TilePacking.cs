using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Left operands of AMX: bfloat16, row-major, rows padded by <see cref="AmxKernel.RowPaddingBytes"/>.</summary>
internal static unsafe class TilePacking
{
    /// <summary>Packs <paramref name="count"/> rows (zeros up to <paramref name="rows"/>) of <paramref name="k"/> values (zeros up to <paramref name="padded"/>).</summary>
    public static void Rows(MatrixView a, int count, int rows, int k, int padded, byte* target)
    {
        nint stride = padded * sizeof(ushort) + AmxKernel.RowPaddingBytes;
        bool fast = a.Type == DType.Float32 && CpuFeatures.HasAvx512;
        int done = 0;
        if (fast && a.ColumnStride == 1)
        {
            done = k / 32 * 32;
            for (int i = 0; i < count; i++)
            {
                float* source = (float*)a.At(i, 0).Pointer;
                for (int p = 0; p < done; p += 32)
                {
                    Packing.Load(source + p, pairs: true).Store((uint*)(target + i * stride) + p / 2);
                }
            }
        }
        else if (fast && a.RowStride == 1 && count == rows && rows % 16 == 0)
        {
            done = k / 32 * 32;
            for (int i = 0; i < rows; i += 16)
            {
                Transpose((float*)a.At(i, 0).Pointer, a.ColumnStride, done, target + i * stride, stride);
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
                row[p] = p < k ? BFloat16Bits.FromFloat(Packing.Read(a.At(i, p).Pointer, a.Type)) : (ushort)0;
            }
        }
    }

    /// <summary>16 rows of A that lie side by side in memory: pairs of k are joined, then 16 × 16 of them are transposed.</summary>
    private static void Transpose(float* source, nint strideK, int k, byte* target, nint stride)
    {
        Vector512<uint> upper = Vector512.Create(0xFFFF0000u);
        Block block;
        Vector512<uint>* pairs = (Vector512<uint>*)&block;
        for (int p = 0; p < k; p += 32)
        {
            for (int j = 0; j < 16; j++)
            {
                float* even = source + (p + 2 * j) * strideK;
                pairs[j] = (BFloat16Bits.RoundInPlace(Vector512.Load(even)) >> 16) | (BFloat16Bits.RoundInPlace(Vector512.Load(even + strideK)) & upper);
            }
            Transpose16.Run(pairs, (uint*)target + p / 2, stride / sizeof(uint));
        }
    }

    [InlineArray(16)]
    private struct Block
    {
        private Vector512<uint> _first;
    }
}
