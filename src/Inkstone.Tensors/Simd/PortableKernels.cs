using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// Float32 micro-kernels in C#, one per vector width. Sums live in named locals because the compiler keeps those in registers
/// and arrays it does not: 12 × 32 needs 24 of AVX-512's 32 registers, 6 × 16 needs 12 of AVX2's 16, 4 × 8 fits SSE and NEON.
/// </summary>
internal static unsafe class PortableKernels
{
    public static MicroKernel Float512 { get; } =
        new()
        {
            Name = "Vector512 12×32",
            Rows = 12,
            Columns = 32,
            Layout = PanelLayout.Float32,
            Run = &Tile512,
        };

    public static MicroKernel Float256 { get; } =
        new()
        {
            Name = "Vector256 6×16",
            Rows = 6,
            Columns = 16,
            Layout = PanelLayout.Float32,
            Run = &Tile256,
        };

    public static MicroKernel Float128 { get; } =
        new()
        {
            Name = "Vector128 4×8",
            Rows = 4,
            Columns = 8,
            Layout = PanelLayout.Float32,
            Run = &Tile128,
        };

    private static void Tile512(TileArguments* t)
    {
        float* a = (float*)t->A,
            b = (float*)t->B;
        Vector512<float> c00 = default,
            c01 = default;
        Vector512<float> c10 = default,
            c11 = default;
        Vector512<float> c20 = default,
            c21 = default;
        Vector512<float> c30 = default,
            c31 = default;
        Vector512<float> c40 = default,
            c41 = default;
        Vector512<float> c50 = default,
            c51 = default;
        Vector512<float> c60 = default,
            c61 = default;
        Vector512<float> c70 = default,
            c71 = default;
        Vector512<float> c80 = default,
            c81 = default;
        Vector512<float> c90 = default,
            c91 = default;
        Vector512<float> cA0 = default,
            cA1 = default;
        Vector512<float> cB0 = default,
            cB1 = default;
        for (nint k = t->Steps; k > 0; k--, a += 12, b += 32)
        {
            Vector512<float> b0 = Vector512.Load(b + 0),
                b1 = Vector512.Load(b + 16),
                x;
            x = Vector512.Create(a[0]);
            c00 = Vector512.MultiplyAddEstimate(x, b0, c00);
            c01 = Vector512.MultiplyAddEstimate(x, b1, c01);
            x = Vector512.Create(a[1]);
            c10 = Vector512.MultiplyAddEstimate(x, b0, c10);
            c11 = Vector512.MultiplyAddEstimate(x, b1, c11);
            x = Vector512.Create(a[2]);
            c20 = Vector512.MultiplyAddEstimate(x, b0, c20);
            c21 = Vector512.MultiplyAddEstimate(x, b1, c21);
            x = Vector512.Create(a[3]);
            c30 = Vector512.MultiplyAddEstimate(x, b0, c30);
            c31 = Vector512.MultiplyAddEstimate(x, b1, c31);
            x = Vector512.Create(a[4]);
            c40 = Vector512.MultiplyAddEstimate(x, b0, c40);
            c41 = Vector512.MultiplyAddEstimate(x, b1, c41);
            x = Vector512.Create(a[5]);
            c50 = Vector512.MultiplyAddEstimate(x, b0, c50);
            c51 = Vector512.MultiplyAddEstimate(x, b1, c51);
            x = Vector512.Create(a[6]);
            c60 = Vector512.MultiplyAddEstimate(x, b0, c60);
            c61 = Vector512.MultiplyAddEstimate(x, b1, c61);
            x = Vector512.Create(a[7]);
            c70 = Vector512.MultiplyAddEstimate(x, b0, c70);
            c71 = Vector512.MultiplyAddEstimate(x, b1, c71);
            x = Vector512.Create(a[8]);
            c80 = Vector512.MultiplyAddEstimate(x, b0, c80);
            c81 = Vector512.MultiplyAddEstimate(x, b1, c81);
            x = Vector512.Create(a[9]);
            c90 = Vector512.MultiplyAddEstimate(x, b0, c90);
            c91 = Vector512.MultiplyAddEstimate(x, b1, c91);
            x = Vector512.Create(a[10]);
            cA0 = Vector512.MultiplyAddEstimate(x, b0, cA0);
            cA1 = Vector512.MultiplyAddEstimate(x, b1, cA1);
            x = Vector512.Create(a[11]);
            cB0 = Vector512.MultiplyAddEstimate(x, b0, cB0);
            cB1 = Vector512.MultiplyAddEstimate(x, b1, cB1);
        }
        float* c = t->C,
            addend = t->Addend;
        nint strideC = t->StrideC / sizeof(float),
            strideAddend = t->StrideAddend / sizeof(float);
        if (addend != null)
        {
            c00 += Vector512.Load(addend + 0 * strideAddend + 0);
            c01 += Vector512.Load(addend + 0 * strideAddend + 16);
            c10 += Vector512.Load(addend + 1 * strideAddend + 0);
            c11 += Vector512.Load(addend + 1 * strideAddend + 16);
            c20 += Vector512.Load(addend + 2 * strideAddend + 0);
            c21 += Vector512.Load(addend + 2 * strideAddend + 16);
            c30 += Vector512.Load(addend + 3 * strideAddend + 0);
            c31 += Vector512.Load(addend + 3 * strideAddend + 16);
            c40 += Vector512.Load(addend + 4 * strideAddend + 0);
            c41 += Vector512.Load(addend + 4 * strideAddend + 16);
            c50 += Vector512.Load(addend + 5 * strideAddend + 0);
            c51 += Vector512.Load(addend + 5 * strideAddend + 16);
            c60 += Vector512.Load(addend + 6 * strideAddend + 0);
            c61 += Vector512.Load(addend + 6 * strideAddend + 16);
            c70 += Vector512.Load(addend + 7 * strideAddend + 0);
            c71 += Vector512.Load(addend + 7 * strideAddend + 16);
            c80 += Vector512.Load(addend + 8 * strideAddend + 0);
            c81 += Vector512.Load(addend + 8 * strideAddend + 16);
            c90 += Vector512.Load(addend + 9 * strideAddend + 0);
            c91 += Vector512.Load(addend + 9 * strideAddend + 16);
            cA0 += Vector512.Load(addend + 10 * strideAddend + 0);
            cA1 += Vector512.Load(addend + 10 * strideAddend + 16);
            cB0 += Vector512.Load(addend + 11 * strideAddend + 0);
            cB1 += Vector512.Load(addend + 11 * strideAddend + 16);
        }
        c00.Store(c + 0 * strideC + 0);
        c01.Store(c + 0 * strideC + 16);
        c10.Store(c + 1 * strideC + 0);
        c11.Store(c + 1 * strideC + 16);
        c20.Store(c + 2 * strideC + 0);
        c21.Store(c + 2 * strideC + 16);
        c30.Store(c + 3 * strideC + 0);
        c31.Store(c + 3 * strideC + 16);
        c40.Store(c + 4 * strideC + 0);
        c41.Store(c + 4 * strideC + 16);
        c50.Store(c + 5 * strideC + 0);
        c51.Store(c + 5 * strideC + 16);
        c60.Store(c + 6 * strideC + 0);
        c61.Store(c + 6 * strideC + 16);
        c70.Store(c + 7 * strideC + 0);
        c71.Store(c + 7 * strideC + 16);
        c80.Store(c + 8 * strideC + 0);
        c81.Store(c + 8 * strideC + 16);
        c90.Store(c + 9 * strideC + 0);
        c91.Store(c + 9 * strideC + 16);
        cA0.Store(c + 10 * strideC + 0);
        cA1.Store(c + 10 * strideC + 16);
        cB0.Store(c + 11 * strideC + 0);
        cB1.Store(c + 11 * strideC + 16);
    }

    private static void Tile256(TileArguments* t)
    {
        float* a = (float*)t->A,
            b = (float*)t->B;
        Vector256<float> c00 = default,
            c01 = default;
        Vector256<float> c10 = default,
            c11 = default;
        Vector256<float> c20 = default,
            c21 = default;
        Vector256<float> c30 = default,
            c31 = default;
        Vector256<float> c40 = default,
            c41 = default;
        Vector256<float> c50 = default,
            c51 = default;
        for (nint k = t->Steps; k > 0; k--, a += 6, b += 16)
        {
            Vector256<float> b0 = Vector256.Load(b + 0),
                b1 = Vector256.Load(b + 8),
                x;
            x = Vector256.Create(a[0]);
            c00 = Vector256.MultiplyAddEstimate(x, b0, c00);
            c01 = Vector256.MultiplyAddEstimate(x, b1, c01);
            x = Vector256.Create(a[1]);
            c10 = Vector256.MultiplyAddEstimate(x, b0, c10);
            c11 = Vector256.MultiplyAddEstimate(x, b1, c11);
            x = Vector256.Create(a[2]);
            c20 = Vector256.MultiplyAddEstimate(x, b0, c20);
            c21 = Vector256.MultiplyAddEstimate(x, b1, c21);
            x = Vector256.Create(a[3]);
            c30 = Vector256.MultiplyAddEstimate(x, b0, c30);
            c31 = Vector256.MultiplyAddEstimate(x, b1, c31);
            x = Vector256.Create(a[4]);
            c40 = Vector256.MultiplyAddEstimate(x, b0, c40);
            c41 = Vector256.MultiplyAddEstimate(x, b1, c41);
            x = Vector256.Create(a[5]);
            c50 = Vector256.MultiplyAddEstimate(x, b0, c50);
            c51 = Vector256.MultiplyAddEstimate(x, b1, c51);
        }
        float* c = t->C,
            addend = t->Addend;
        nint strideC = t->StrideC / sizeof(float),
            strideAddend = t->StrideAddend / sizeof(float);
        if (addend != null)
        {
            c00 += Vector256.Load(addend + 0 * strideAddend + 0);
            c01 += Vector256.Load(addend + 0 * strideAddend + 8);
            c10 += Vector256.Load(addend + 1 * strideAddend + 0);
            c11 += Vector256.Load(addend + 1 * strideAddend + 8);
            c20 += Vector256.Load(addend + 2 * strideAddend + 0);
            c21 += Vector256.Load(addend + 2 * strideAddend + 8);
            c30 += Vector256.Load(addend + 3 * strideAddend + 0);
            c31 += Vector256.Load(addend + 3 * strideAddend + 8);
            c40 += Vector256.Load(addend + 4 * strideAddend + 0);
            c41 += Vector256.Load(addend + 4 * strideAddend + 8);
            c50 += Vector256.Load(addend + 5 * strideAddend + 0);
            c51 += Vector256.Load(addend + 5 * strideAddend + 8);
        }
        c00.Store(c + 0 * strideC + 0);
        c01.Store(c + 0 * strideC + 8);
        c10.Store(c + 1 * strideC + 0);
        c11.Store(c + 1 * strideC + 8);
        c20.Store(c + 2 * strideC + 0);
        c21.Store(c + 2 * strideC + 8);
        c30.Store(c + 3 * strideC + 0);
        c31.Store(c + 3 * strideC + 8);
        c40.Store(c + 4 * strideC + 0);
        c41.Store(c + 4 * strideC + 8);
        c50.Store(c + 5 * strideC + 0);
        c51.Store(c + 5 * strideC + 8);
    }

    private static void Tile128(TileArguments* t)
    {
        float* a = (float*)t->A,
            b = (float*)t->B;
        Vector128<float> c00 = default,
            c01 = default;
        Vector128<float> c10 = default,
            c11 = default;
        Vector128<float> c20 = default,
            c21 = default;
        Vector128<float> c30 = default,
            c31 = default;
        for (nint k = t->Steps; k > 0; k--, a += 4, b += 8)
        {
            Vector128<float> b0 = Vector128.Load(b + 0),
                b1 = Vector128.Load(b + 4),
                x;
            x = Vector128.Create(a[0]);
            c00 = Vector128.MultiplyAddEstimate(x, b0, c00);
            c01 = Vector128.MultiplyAddEstimate(x, b1, c01);
            x = Vector128.Create(a[1]);
            c10 = Vector128.MultiplyAddEstimate(x, b0, c10);
            c11 = Vector128.MultiplyAddEstimate(x, b1, c11);
            x = Vector128.Create(a[2]);
            c20 = Vector128.MultiplyAddEstimate(x, b0, c20);
            c21 = Vector128.MultiplyAddEstimate(x, b1, c21);
            x = Vector128.Create(a[3]);
            c30 = Vector128.MultiplyAddEstimate(x, b0, c30);
            c31 = Vector128.MultiplyAddEstimate(x, b1, c31);
        }
        float* c = t->C,
            addend = t->Addend;
        nint strideC = t->StrideC / sizeof(float),
            strideAddend = t->StrideAddend / sizeof(float);
        if (addend != null)
        {
            c00 += Vector128.Load(addend + 0 * strideAddend + 0);
            c01 += Vector128.Load(addend + 0 * strideAddend + 4);
            c10 += Vector128.Load(addend + 1 * strideAddend + 0);
            c11 += Vector128.Load(addend + 1 * strideAddend + 4);
            c20 += Vector128.Load(addend + 2 * strideAddend + 0);
            c21 += Vector128.Load(addend + 2 * strideAddend + 4);
            c30 += Vector128.Load(addend + 3 * strideAddend + 0);
            c31 += Vector128.Load(addend + 3 * strideAddend + 4);
        }
        c00.Store(c + 0 * strideC + 0);
        c01.Store(c + 0 * strideC + 4);
        c10.Store(c + 1 * strideC + 0);
        c11.Store(c + 1 * strideC + 4);
        c20.Store(c + 2 * strideC + 0);
        c21.Store(c + 2 * strideC + 4);
        c30.Store(c + 3 * strideC + 0);
        c31.Store(c + 3 * strideC + 4);
    }
}
