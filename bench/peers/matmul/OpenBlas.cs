using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Bench.MatMul;

/// <summary>Debian's OpenBLAS, with the kernels that it chooses for this processor itself.</summary>
internal static unsafe partial class OpenBlas
{
    private const string Library = "libopenblas.so.0";
    private const int RowMajor = 101,
        Plain = 111,
        Transposed = 112;

    /// <summary>Loads the library; what a shell may have left to slow it down is taken out first. False where it is not
    /// installed.</summary>
    public static bool TryLoad(int threads)
    {
        foreach (string name in (string[])["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
        {
            _ = UnsetEnvironment(name); // .NET's own variables do not reach getenv
        }
        if (!NativeLibrary.TryLoad(Library, out _))
        {
            return false;
        }
        SetThreads(threads);
        return true;
    }

    public static string Describe() => Marshal.PtrToStringAnsi(Config()) + ", core " + Marshal.PtrToStringAnsi(CoreName());

    /// <summary>c [m, n] = a·b, each transposed where told.</summary>
    public static void Multiply(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor c, int m, int n, int k)
    {
        if (m == 1)
        {
            Sgemv(
                RowMajor,
                transposeB ? Plain : Transposed,
                b.Shape.Rows,
                b.Shape.Last,
                1,
                (float*)b.Pointer,
                b.Shape.Last,
                (float*)a.Pointer,
                1,
                0,
                (float*)c.Pointer,
                1
            );
            return;
        }
        Sgemm(
            RowMajor,
            transposeA ? Transposed : Plain,
            transposeB ? Transposed : Plain,
            m,
            n,
            k,
            1,
            (float*)a.Pointer,
            a.Shape.Last,
            (float*)b.Pointer,
            b.Shape.Last,
            0,
            (float*)c.Pointer,
            n
        );
    }

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnsetEnvironment(string name);

    [LibraryImport(Library, EntryPoint = "openblas_set_num_threads")]
    private static partial void SetThreads(int count);

    [LibraryImport(Library, EntryPoint = "openblas_get_config")]
    private static partial nint Config();

    [LibraryImport(Library, EntryPoint = "openblas_get_corename")]
    private static partial nint CoreName();

    [LibraryImport(Library, EntryPoint = "cblas_sgemm")]
    private static partial void Sgemm(
        int order,
        int transposeA,
        int transposeB,
        int m,
        int n,
        int k,
        float alpha,
        float* a,
        int strideA,
        float* b,
        int strideB,
        float beta,
        float* c,
        int strideC
    );

    [LibraryImport(Library, EntryPoint = "cblas_sgemv")]
    private static partial void Sgemv(
        int order,
        int transpose,
        int rows,
        int columns,
        float alpha,
        float* a,
        int strideA,
        float* x,
        int strideX,
        float beta,
        float* y,
        int strideY
    );
}
