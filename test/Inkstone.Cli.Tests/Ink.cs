using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>The program as its users have it: a process. The variable INK_PROGRAM names another build of it, such as one of packaging/native.</summary>
internal static class Ink
{
    private const int Patience = 240_000;

    private static readonly string? Native = Environment.GetEnvironmentVariable("INK_PROGRAM");

    public static Outcome Run(params string[] arguments) => RunIn(Environment.CurrentDirectory, arguments);

    public static Outcome RunIn(string directory, params string[] arguments)
    {
        using Process process = Start(directory, arguments);
        return End(process, Patience);
    }

    /// <summary>What a process says until it ends.</summary>
    public static Outcome End(Process process, int patience = Patience, Action? meanwhile = null)
    {
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        meanwhile?.Invoke();
        if (!process.WaitForExit(patience))
        {
            process.Kill();
            throw new TimeoutException($"ink {string.Join(' ', process.StartInfo.ArgumentList.Skip(1))} did not end");
        }
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }

    public static Process Start(string directory, params string[] arguments) =>
        Start(directory, new Dictionary<string, string>(), arguments);

    public static Process Start(string directory, IReadOnlyDictionary<string, string> variables, string[] arguments)
    {
        ProcessStartInfo start = new(
            Native ?? "dotnet",
            Native is null ? [Path.Combine(AppContext.BaseDirectory, "ink.dll"), .. arguments] : arguments
        )
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment.Remove("NO_COLOR");
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    public static void Signal(Process process, PosixSignal signal) =>
        Process
            .Start(
                "kill",
                [
                    signal switch
                    {
                        PosixSignal.SIGTERM => "-TERM",
                        PosixSignal.SIGHUP => "-HUP",
                        _ => "-INT",
                    },
                    $"{process.Id}",
                ]
            )
            .WaitForExit();

    internal sealed record Outcome(int Code, string Output, string Error)
    {
        /// <summary>stdout as exactly one JSON document.</summary>
        public JsonElement Json => JsonDocument.Parse(Output).RootElement;

        public Outcome ShouldEndWith(int code)
        {
            Code.ShouldBe(code, $"stdout: {Output}\nstderr: {Error}");
            return this;
        }
    }
}
