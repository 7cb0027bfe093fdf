using System.Diagnostics;
using System.Globalization;

namespace Inkstone.Bench.MatMul;

/// <summary>oneDNN's bfloat16 products, through the PyTorch of a Python that answers requests by pipe.</summary>
internal sealed class OneDnn : IDisposable
{
    private readonly Process _python;

    public OneDnn(string python, int threads)
    {
        string script = Path.Combine(AppContext.BaseDirectory, "torch_matmul.py");
        ProcessStartInfo start = new(python, [script, threads.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (
            string name in start
                .Environment.Keys.Where(k =>
                    k.StartsWith("DNNL_", StringComparison.Ordinal)
                    || k.StartsWith("ONEDNN_", StringComparison.Ordinal)
                    || k.StartsWith("OMP_", StringComparison.Ordinal)
                    || k.StartsWith("OPENBLAS_", StringComparison.Ordinal)
                )
                .ToArray()
        )
        {
            start.Environment.Remove(name);
        }
        start.Environment["OMP_PROC_BIND"] = "true"; // or its threads, asleep between rounds, wake on one processor
        _python = Process.Start(start)!;
        Description = Read();
    }

    public string Description { get; }

    /// <summary>Seconds of one product of <paramref name="repeats"/>.</summary>
    public double Time(int repeats, bool transposeA, bool transposeB, int m, int n, int k)
    {
        Thread.Sleep(50); // until the threads of this process sleep
        _python.StandardInput.WriteLine(
            FormattableString.Invariant($"{m} {n} {k} {(transposeA ? 1 : 0)} {(transposeB ? 1 : 0)} {repeats}")
        );
        return double.Parse(Read(), CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _python.StandardInput.Close();
        _python.WaitForExit();
        _python.Dispose();
    }

    private string Read() => _python.StandardOutput.ReadLine() ?? throw new InvalidOperationException("that Python has no torch, or ended");
}
