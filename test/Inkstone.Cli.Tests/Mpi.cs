using System.Diagnostics;

namespace Inkstone.Cli.Tests;

/// <summary>The program in several processes, as an MPI launcher starts them.</summary>
internal static class Mpi
{
    private const int Patience = 300_000;

    public const string OpenMpi = "mpirun.openmpi",
        Mpich = "mpiexec.hydra";

    /// <summary>Why a test that needs a launcher is skipped, or null.</summary>
    public static string? Absent(string launcher) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(d => File.Exists(Path.Combine(d, launcher)))
            ? null
            : $"{launcher} is not installed (Debian: apt install {(launcher == OpenMpi ? "openmpi-bin" : "mpich")})";

    public static Process Start(int ranks, string directory, string[] arguments, string launcher = OpenMpi)
    {
        string[] placing = launcher == OpenMpi ? ["--oversubscribe", "--bind-to", "none"] : [];
        ProcessStartInfo start = new(
            launcher,
            ["-n", $"{ranks}", .. placing, "dotnet", Path.Combine(AppContext.BaseDirectory, "ink.dll"), .. arguments, "--threads", "1"]
        )
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        (start.Environment["OMPI_ALLOW_RUN_AS_ROOT"], start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"]) = ("1", "1");
        return Process.Start(start)!;
    }

    public static Ink.Outcome Run(int ranks, string directory, string[] arguments, string launcher = OpenMpi)
    {
        if (ranks == 1)
        {
            return Ink.RunIn(directory, [.. arguments, "--threads", "1"]);
        }
        using Process process = Start(ranks, directory, arguments, launcher);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{ranks} × ink {string.Join(' ', arguments)} did not end");
        }
        return new Ink.Outcome(process.ExitCode, output.Result, error.Result);
    }
}

/// <summary>A test of several processes: skipped, with the reason, where there is no launcher.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MpiTheoryAttribute : TheoryAttribute
{
    public MpiTheoryAttribute(
        [System.Runtime.CompilerServices.CallerFilePath] string? file = null,
        [System.Runtime.CompilerServices.CallerLineNumber] int line = 0
    )
        : base(file, line) => Skip = Mpi.Absent(Mpi.OpenMpi);
}
