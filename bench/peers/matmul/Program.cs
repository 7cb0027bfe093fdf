// Matrix products of microlm-31m (8 × 512 tokens) and SmolLM2-135M (2 × 512), and of one and eight tokens, ours in turn with OpenBLAS and,
// where a Python with torch is named, oneDNN in bfloat16.
//   apt-get install libopenblas0-pthread python3-torch
//   dotnet run -c Release --project bench/peers/matmul -- [--python /usr/bin/python3] [--rounds 7] [--threads 2]
using System.Diagnostics;
using System.Globalization;
using Inkstone.Bench.MatMul;
using Inkstone.Tensors;

if (args.Any(a => a is "--help" or "-h" or "-?"))
{
    Console.WriteLine(
        "matmul [--python PYTHON] [--rounds 7] [--threads 2]: our products in turn with OpenBLAS and, where a Python with torch is named, oneDNN"
    );
    return;
}
int rounds = int.Parse(Flag("--rounds") ?? "7", CultureInfo.InvariantCulture),
    threads = int.Parse(Flag("--threads") ?? "2", CultureInfo.InvariantCulture);
int[][] weights =
[
    [512, 512],
    [1344, 512],
    [512, 1344],
    [6400, 512],
    [576, 576],
    [192, 576],
    [1536, 576],
    [576, 1536],
    [49152, 576],
]; // outputs, inputs
bool haveBlas = OpenBlas.TryLoad(threads); // before this thread is pinned: threads that it starts inherit what it may use
using OneDnn? oneDnn = Flag("--python") is { } python ? new(python, threads) : null;
CpuThread.Pin(0);
using Device fp32 = new(threads),
    bf16 = new(threads, null, DType.BFloat16);
Roofline roof32 = Roofline.Measure(fp32),
    roof16 = Roofline.Measure(bf16);
Console.WriteLine(
    $"{CpuFeatures.Describe()}; {threads} threads; medians of {rounds} alternating rounds; GFLOP/s; ratios are medians of the rounds' own"
);
Console.WriteLine(
    FormattableString.Invariant(
        $"limits: {roof32.FlopsPerSecond / 1e9:F0} GFLOP/s fp32, {roof16.FlopsPerSecond / 1e9:F0} bf16, {roof32.BytesPerSecond / 1e9:F0} GB/s from memory; a share is of the nearer one (operands in a cache can pass memory's)"
    )
);
Console.WriteLine(haveBlas ? OpenBlas.Describe() : "OpenBLAS is not installed");
Console.WriteLine(oneDnn?.Description ?? "no --python: without oneDNN");
Console.WriteLine($"{"product", -28}{"OpenBLAS", 9}{"fp32", 7}{"ratio", 7}{"share", 7}{"oneDNN", 9}{"bf16", 7}{"ratio", 7}{"share", 7}");
foreach (int[] weight in weights)
{
    (int n, int k) = (weight[0], weight[1]);
    int m = k == 512 || n == 512 ? 4096 : 1024;
    Compare($"NT {m}x{n}x{k} forward", m, n, k, false, true);
    Compare($"NN {m}x{k}x{n} dx", m, k, n, false, false);
    Compare($"TN {n}x{k}x{m} dw", n, k, m, true, false);
}
foreach (int m in (int[])[1, 8])
{
    foreach (int[] weight in weights)
    {
        Compare($"NT {m}x{weight[0]}x{weight[1]} decode", m, weight[0], weight[1], false, true);
    }
}

void Compare(string name, int m, int n, int k, bool transposeA, bool transposeB)
{
    using Tensor a = Random(fp32, transposeA ? new Shape(k, m) : new Shape(m, k), 1),
        b = Random(fp32, transposeB ? new Shape(n, k) : new Shape(k, n), 2);
    using Tensor a16 = m <= 8 ? Tensor.From(bf16, a.Shape, a.Span) : Narrow(a),
        b16 = Narrow(b); // decoding keeps its few rows in float32
    using Tensor c = Tensor.Allocate(fp32, new Shape(m, n)),
        c16 = Tensor.Allocate(bf16, new Shape(m, n));
    int repeats = Math.Max(1, (int)(6e9 / (2.0 * m * n * k)));
    List<double> blas = [],
        ours = [],
        dnn = [],
        half = [];
    for (int round = 0; round <= rounds; round++)
    {
        double[] seconds =
        [
            haveBlas ? Time(repeats, () => OpenBlas.Multiply(a, transposeA, b, transposeB, c, m, n, k)) : double.NaN,
            Time(repeats, () => Ops.MatMul(a, transposeA, b, transposeB, c)),
            oneDnn?.Time(repeats, transposeA, transposeB, m, n, k) ?? double.NaN,
            Time(repeats, () => Ops.MatMul(a16, transposeA, b16, transposeB, c16)),
        ];
        if (round > 0) // the first round warms up
        {
            blas.Add(seconds[0]);
            ours.Add(seconds[1]);
            dnn.Add(seconds[2]);
            half.Add(seconds[3]);
        }
    }
    double flops = 2.0 * m * n * k,
        elements = (double)m * k + (double)k * n;
    Console.WriteLine($"{name, -28}" + Side(blas, ours, roof32, 4 * elements, 9) + Side(dnn, half, roof16, 2 * elements, 9));

    string Side(List<double> theirs, List<double> mine, Roofline roof, double operandBytes, int width)
    {
        double limit = Math.Max(flops / roof.FlopsPerSecond, (operandBytes + 4.0 * m * n) / roof.BytesPerSecond),
            ratio = Median(theirs.Zip(mine, (t, s) => t / s));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(double.IsNaN(ratio) ? "" : (flops / Median(theirs) / 1e9).ToString("F0", CultureInfo.InvariantCulture)).PadLeft(width)}{flops / Median(mine) / 1e9, 7:F0}{ratio, 7:F2}{100 * limit / Median(mine), 6:F0}%"
        );
    }
}

// Threads of the other side spin for a while after their work: they are let go to sleep first, and one product wakes this side's.
static double Time(int repeats, Action run)
{
    Thread.Sleep(50);
    run();
    long start = Stopwatch.GetTimestamp();
    for (int i = 0; i < repeats; i++)
    {
        run();
    }
    return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
}

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return sorted[sorted.Length / 2];
}

static Tensor Random(Device device, Shape shape, ulong stream)
{
    Tensor tensor = Tensor.Allocate(device, shape);
    new PhiloxRandom(1, stream).FillNormal(tensor.Span, 1);
    return tensor;
}

Tensor Narrow(Tensor tensor)
{
    Tensor narrow = Tensor.Allocate(bf16, tensor.Shape, DType.BFloat16);
    for (int i = 0; i < narrow.Count; i++)
    {
        narrow.BFloat16s[i] = (ushort)(BitConverter.SingleToUInt32Bits(tensor.Span[i]) >> 16);
    }
    return narrow;
}

string? Flag(string name) => args.SkipWhile(a => a != name).Skip(1).FirstOrDefault();
