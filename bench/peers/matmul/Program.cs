// Matrix products of the 31.7M model (microlm-31m, 8 x 512 tokens), ours against OpenBLAS in one process, alternating.
//   apt-get install libopenblas0-pthread
//   dotnet run -c Release --project bench/peers/matmul
using System.Diagnostics;
using System.Runtime.InteropServices;
using Inkstone.Tensors;

const int Threads = 2, Rounds = 7;
int[][] sizes = [[4096, 512, 512], [4096, 1344, 512], [4096, 512, 1344], [4096, 6400, 512], [8, 512, 512], [8, 6400, 512]];
bool haveBlas = NativeLibrary.TryLoad("libopenblas.so.0", out _);
if (haveBlas)
{
    OpenBlas.SetThreads(Threads);   // before this thread is pinned: OpenBLAS's threads inherit what it may use
}
CpuThread.Pin(0);
Console.WriteLine($"{CpuFeatures.Describe()}; {Threads} threads; medians of {Rounds} alternating rounds; GFLOP/s");
Console.WriteLine(haveBlas ? "OpenBLAS: libopenblas.so.0, core " + OpenBlas.Core() : "OpenBLAS is not installed: ours alone");
Console.WriteLine($"{"product",-26}{"OpenBLAS",10}{"fp32",8}{"ratio",8}{"bf16",8}{"ratio",8}");
using Device fp32 = new(Threads), bf16 = new(Threads, null, DType.BFloat16);
foreach (int[] size in sizes)
{
    (int m, int n, int k) = (size[0], size[1], size[2]);
    Compare($"NT {m}x{n}x{k} forward", m, n, k, false, true);
    if (m > 8)
    {
        Compare($"NN {m}x{k}x{n} dx", m, k, n, false, false);
        Compare($"TN {n}x{k}x{m} dw", n, k, m, true, false);
    }
}

void Compare(string name, int m, int n, int k, bool transposeA, bool transposeB)
{
    using Tensor a = Random(fp32, transposeA ? new Shape(k, m) : new Shape(m, k), 1), b = Random(fp32, transposeB ? new Shape(n, k) : new Shape(k, n), 2);
    using Tensor c = Tensor.Allocate(fp32, new Shape(m, n));
    using Tensor a16 = Tensor.From(bf16, a.Shape, a.Span), b16 = Tensor.From(bf16, b.Shape, b.Span), c16 = Tensor.Allocate(bf16, c.Shape);
    int repeats = Math.Max(1, (int)(2e9 / (2.0 * m * n * k)));
    List<double> blas = [], ours = [], half = [];
    for (int round = 0; round <= Rounds; round++)
    {
        double x = haveBlas ? Time(repeats, () => OpenBlas.Multiply(a, transposeA, b, transposeB, c, m, n, k)) : double.NaN;
        double y = Time(repeats, () => Ops.MatMul(a, transposeA, b, transposeB, c));
        double z = Time(repeats, () => Ops.MatMul(a16, transposeA, b16, transposeB, c16));
        if (round > 0)   // the first round warms up
        {
            blas.Add(x);
            ours.Add(y);
            half.Add(z);
        }
    }
    double flops = 2.0 * m * n * k / 1e9, base32 = Median(blas);
    Console.WriteLine($"{name,-26}{flops / base32,10:F0}{flops / Median(ours),8:F0}{base32 / Median(ours),8:F2}{flops / Median(half),8:F0}{base32 / Median(half),8:F2}");
}

static double Time(int repeats, Action run)
{
    long start = Stopwatch.GetTimestamp();
    for (int i = 0; i < repeats; i++)
    {
        run();
    }
    return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static Tensor Random(Device device, Shape shape, ulong stream)
{
    Tensor tensor = Tensor.Allocate(device, shape);
    new PhiloxRandom(1, stream).FillNormal(tensor.Span, 1);
    return tensor;
}

internal static unsafe partial class OpenBlas
{
    private const int RowMajor = 101, Plain = 111, Transposed = 112;

    public static string Core() => Marshal.PtrToStringAnsi(CoreName()) ?? "unknown";

    public static void Multiply(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor c, int m, int n, int k)
        => Sgemm(RowMajor, transposeA ? Transposed : Plain, transposeB ? Transposed : Plain, m, n, k, 1,
            (float*)a.Pointer, a.Shape.Last, (float*)b.Pointer, b.Shape.Last, 0, (float*)c.Pointer, n);

    [LibraryImport("libopenblas.so.0", EntryPoint = "openblas_set_num_threads")]
    public static partial void SetThreads(int count);

    [LibraryImport("libopenblas.so.0", EntryPoint = "openblas_get_corename")]
    private static partial nint CoreName();

    [LibraryImport("libopenblas.so.0", EntryPoint = "cblas_sgemm")]
    private static partial void Sgemm(int order, int transposeA, int transposeB, int m, int n, int k, float alpha,
        float* a, int strideA, float* b, int strideB, float beta, float* c, int strideC);
}
