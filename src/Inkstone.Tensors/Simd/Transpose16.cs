using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>Transposes 16 × 16 words of 32 bits in AVX-512 registers: pairs of words, pairs of double words, then quarters of the
/// vector.</summary>
/// <remarks>Straight-line code on named locals, because those stay in registers and the shuffles need constant controls.</remarks>
internal static unsafe class Transpose16
{
    /// <summary>target[j · stride + i] = rows[i][j], stored in ascending j, so that with a stride below 16 later rows overwrite what
    /// earlier ones spilled.</summary>
    public static void Run(Vector512<uint>* rows, uint* target, nint stride)
    {
        // g c: in each quarter q, rows 4g..4g+3 of column 4q + c.
        Vector512<ulong> a0 = Avx512F.UnpackLow(rows[0], rows[1]).AsUInt64(),
            b0 = Avx512F.UnpackHigh(rows[0], rows[1]).AsUInt64();
        Vector512<ulong> c0 = Avx512F.UnpackLow(rows[2], rows[3]).AsUInt64(),
            d0 = Avx512F.UnpackHigh(rows[2], rows[3]).AsUInt64();
        Vector512<ulong> g00 = Avx512F.UnpackLow(a0, c0),
            g01 = Avx512F.UnpackHigh(a0, c0);
        Vector512<ulong> g02 = Avx512F.UnpackLow(b0, d0),
            g03 = Avx512F.UnpackHigh(b0, d0);
        Vector512<ulong> a1 = Avx512F.UnpackLow(rows[4], rows[5]).AsUInt64(),
            b1 = Avx512F.UnpackHigh(rows[4], rows[5]).AsUInt64();
        Vector512<ulong> c1 = Avx512F.UnpackLow(rows[6], rows[7]).AsUInt64(),
            d1 = Avx512F.UnpackHigh(rows[6], rows[7]).AsUInt64();
        Vector512<ulong> g10 = Avx512F.UnpackLow(a1, c1),
            g11 = Avx512F.UnpackHigh(a1, c1);
        Vector512<ulong> g12 = Avx512F.UnpackLow(b1, d1),
            g13 = Avx512F.UnpackHigh(b1, d1);
        Vector512<ulong> a2 = Avx512F.UnpackLow(rows[8], rows[9]).AsUInt64(),
            b2 = Avx512F.UnpackHigh(rows[8], rows[9]).AsUInt64();
        Vector512<ulong> c2 = Avx512F.UnpackLow(rows[10], rows[11]).AsUInt64(),
            d2 = Avx512F.UnpackHigh(rows[10], rows[11]).AsUInt64();
        Vector512<ulong> g20 = Avx512F.UnpackLow(a2, c2),
            g21 = Avx512F.UnpackHigh(a2, c2);
        Vector512<ulong> g22 = Avx512F.UnpackLow(b2, d2),
            g23 = Avx512F.UnpackHigh(b2, d2);
        Vector512<ulong> a3 = Avx512F.UnpackLow(rows[12], rows[13]).AsUInt64(),
            b3 = Avx512F.UnpackHigh(rows[12], rows[13]).AsUInt64();
        Vector512<ulong> c3 = Avx512F.UnpackLow(rows[14], rows[15]).AsUInt64(),
            d3 = Avx512F.UnpackHigh(rows[14], rows[15]).AsUInt64();
        Vector512<ulong> g30 = Avx512F.UnpackLow(a3, c3),
            g31 = Avx512F.UnpackHigh(a3, c3);
        Vector512<ulong> g32 = Avx512F.UnpackLow(b3, d3),
            g33 = Avx512F.UnpackHigh(b3, d3);

        // quarters 0 and 1 of all groups, then the rows of their columns
        Vector512<ulong> x0 = Avx512F.Shuffle4x128(g00, g10, 0x44),
            y0 = Avx512F.Shuffle4x128(g20, g30, 0x44);
        Vector512<ulong> x1 = Avx512F.Shuffle4x128(g01, g11, 0x44),
            y1 = Avx512F.Shuffle4x128(g21, g31, 0x44);
        Vector512<ulong> x2 = Avx512F.Shuffle4x128(g02, g12, 0x44),
            y2 = Avx512F.Shuffle4x128(g22, g32, 0x44);
        Vector512<ulong> x3 = Avx512F.Shuffle4x128(g03, g13, 0x44),
            y3 = Avx512F.Shuffle4x128(g23, g33, 0x44);
        Avx512F.Shuffle4x128(x0, y0, 0x88).AsUInt32().Store(target + 0 * stride);
        Avx512F.Shuffle4x128(x1, y1, 0x88).AsUInt32().Store(target + 1 * stride);
        Avx512F.Shuffle4x128(x2, y2, 0x88).AsUInt32().Store(target + 2 * stride);
        Avx512F.Shuffle4x128(x3, y3, 0x88).AsUInt32().Store(target + 3 * stride);
        Avx512F.Shuffle4x128(x0, y0, 0xDD).AsUInt32().Store(target + 4 * stride);
        Avx512F.Shuffle4x128(x1, y1, 0xDD).AsUInt32().Store(target + 5 * stride);
        Avx512F.Shuffle4x128(x2, y2, 0xDD).AsUInt32().Store(target + 6 * stride);
        Avx512F.Shuffle4x128(x3, y3, 0xDD).AsUInt32().Store(target + 7 * stride);
        // quarters 2 and 3 of all groups, then the rows of their columns
        x0 = Avx512F.Shuffle4x128(g00, g10, 0xEE);
        y0 = Avx512F.Shuffle4x128(g20, g30, 0xEE);
        x1 = Avx512F.Shuffle4x128(g01, g11, 0xEE);
        y1 = Avx512F.Shuffle4x128(g21, g31, 0xEE);
        x2 = Avx512F.Shuffle4x128(g02, g12, 0xEE);
        y2 = Avx512F.Shuffle4x128(g22, g32, 0xEE);
        x3 = Avx512F.Shuffle4x128(g03, g13, 0xEE);
        y3 = Avx512F.Shuffle4x128(g23, g33, 0xEE);
        Avx512F.Shuffle4x128(x0, y0, 0x88).AsUInt32().Store(target + 8 * stride);
        Avx512F.Shuffle4x128(x1, y1, 0x88).AsUInt32().Store(target + 9 * stride);
        Avx512F.Shuffle4x128(x2, y2, 0x88).AsUInt32().Store(target + 10 * stride);
        Avx512F.Shuffle4x128(x3, y3, 0x88).AsUInt32().Store(target + 11 * stride);
        Avx512F.Shuffle4x128(x0, y0, 0xDD).AsUInt32().Store(target + 12 * stride);
        Avx512F.Shuffle4x128(x1, y1, 0xDD).AsUInt32().Store(target + 13 * stride);
        Avx512F.Shuffle4x128(x2, y2, 0xDD).AsUInt32().Store(target + 14 * stride);
        Avx512F.Shuffle4x128(x3, y3, 0xDD).AsUInt32().Store(target + 15 * stride);
    }
}

/// <summary>Room for the rows that are transposed.</summary>
[InlineArray(16)]
internal struct SixteenVectors
{
    private Vector512<uint> _first;
}
