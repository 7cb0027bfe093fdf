using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Inkstone.Cli.Tests;

/// <summary>Nothing of the user's is lost, two runs do not mix, and what is stopped leaves nothing half written.</summary>
public sealed class SafetyTests(Workplace place) : IClassFixture<Workplace>
{
    [Fact]
    public void Force_ReplacesOnlyWhatInkWrote()
    {
        Do("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "model").ShouldEndWith(0);
        Do("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "model").ShouldEndWith(2).Error.ShouldContain("--force");
        Do("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "model", "--force").ShouldEndWith(0);
        File.WriteAllText(place["model/config.json"], "{\"thesis\": 1}");
        Do("new", "--config", "quickstart", "--out", "model", "--force")
            .ShouldEndWith(2)
            .Error.ShouldContain("config.json, which was changed");
        File.ReadAllText(place["model/config.json"]).ShouldBe("{\"thesis\": 1}");

        File.WriteAllText(place["thesis.gguf"], "mine");
        Do("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "source").ShouldEndWith(0);
        Do("convert", "source", "thesis.gguf", "--force").ShouldEndWith(2).Error.ShouldContain("not written by ink");
        File.ReadAllText(place["thesis.gguf"]).ShouldBe("mine");
        Do("convert", "source", "own.gguf").ShouldEndWith(0);
        Do("convert", "source", "own.gguf", "--force").ShouldEndWith(0);
        Do("convert", "own.gguf", "own.gguf", "--force").ShouldEndWith(2).Error.ShouldContain("is the input");
        Directory.CreateSymbolicLink(place["link"], place["source"]);
        Do("convert", "source", "link", "--force").ShouldEndWith(2).Error.ShouldContain("is the input");
        Do("convert", "source", "source/inner").ShouldEndWith(2).Error.ShouldContain("inside the input");
        Do("pretrain", "r.yaml", "--out", "tokens", "--force").ShouldEndWith(2).Error.ShouldContain("is the input");
        // A run named like its preset is not the preset.
        Directory.CreateDirectory(place["mini_llama3"]);
        Do("pretrain", "mini_llama3", "--out", "mini_llama3").ShouldEndWith(2).Error.ShouldContain("tokenizer");
    }

    [Fact]
    public void ARunInUse_IsRefusedUntilItsProcessIsGone()
    {
        using Process process = Ink.Start(
            place.Path,
            "pretrain",
            "r.yaml",
            "--out",
            "busy",
            "--quiet",
            "--train.steps",
            "100000",
            "--train.eval_every",
            "0",
            "--train.save_every",
            "400"
        );
        Until(process, () => Directory.Exists(place["busy/checkpoints/step-000400"]));
        foreach (string how in (string[])["--resume", "--force"])
        {
            Do("pretrain", "r.yaml", "--out", "busy", how)
                .ShouldEndWith(2)
                .Error.ShouldContain($"busy is in use by process {process.Id} on ");
        }
        Do("inspect", "busy").ShouldEndWith(0); // readers need no lock
        process.Kill();
        process.WaitForExit();
        File.Exists(place["busy/.ink-lock"]).ShouldBeTrue();
        Do("pretrain", "r.yaml", "--out", "busy", "--force", "--train.steps", "3").ShouldEndWith(0);
        File.Exists(place["busy/.ink-lock"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT, 0)]
    [InlineData(PosixSignal.SIGTERM, 300)]
    [InlineData(PosixSignal.SIGHUP, 0)]
    public void Signals_EndAWriterInOneLineAndLeaveNothing(PosixSignal signal, int milliseconds)
    {
        string folder = $"stopped-{signal}-{milliseconds}";
        Directory.CreateDirectory(place[folder]);
        File.WriteAllLines(
            place[$"{folder}/raw.jsonl"],
            Enumerable
                .Range(0, 400_000)
                .Select(i => $"{{\"text\": \"this is document number {i} and it says that {i} is {(i % 2 == 0 ? "even" : "odd")}\"}}")
        );
        foreach (
            string verb in (string[])
                [
                    "data prepare --input raw.jsonl --out out",
                    "tokenize --tokenizer ../tok --input raw.jsonl --out out",
                    "new --config microlm-31m --out out",
                ]
        )
        {
            using Process process = Ink.Start(place[folder], [.. verb.Split(' '), "--quiet"]);
            Until(process, () => Directory.GetFileSystemEntries(place[folder], "*.partial", SearchOption.AllDirectories).Length > 0);
            Thread.Sleep(verb.StartsWith("new", StringComparison.Ordinal) ? 0 : milliseconds); // a small model is soon written
            Ink.Signal(process, signal);
            process.WaitForExit(20_000).ShouldBeTrue(verb);
            string error = process.StandardError.ReadToEnd();
            process.ExitCode.ShouldBe(130, verb + error);
            error.ShouldBe("ink: interrupted\n", verb);
            Directory.GetFileSystemEntries(place[folder]).Select(Path.GetFileName).ShouldBe(["raw.jsonl"], verb);
        }
    }

    [Theory]
    [InlineData("pretrain r.yaml --data.valid tokens --data.train never.bin --out ")]
    [InlineData("sft lora --model base --template chatml --data.train never.jsonl --out ")]
    public void ASignalWhileARunIsSetUp_LeavesNoFolder(string line)
    {
        Do("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "base", "--force").ShouldEndWith(0);
        string[] words = line.TrimEnd().Split(' ');
        string pipe = words.Single(word => word.StartsWith("never", StringComparison.Ordinal)),
            output = "early-" + words[0];
        Process.Start("mkfifo", [place[pipe]]).WaitForExit();
        using Process process = Ink.Start(place.Path, [.. words, output]);
        Until(process, () => File.Exists(place[$"{output}/.ink-lock"]));
        Ink.Signal(process, PosixSignal.SIGTERM);
        process.WaitForExit(20_000).ShouldBeTrue();
        process.ExitCode.ShouldBe(130, process.StandardError.ReadToEnd());
        Directory.Exists(place[output]).ShouldBeFalse();
        File.Delete(place[pipe]);
    }

    private static void Until(Process process, Func<bool> done)
    {
        for (Stopwatch watch = Stopwatch.StartNew(); !process.HasExited && !done() && watch.Elapsed.TotalSeconds < 60; )
        {
            Thread.Sleep(2);
        }
    }

    private Ink.Outcome Do(params string[] arguments) => Ink.RunIn(place.Path, [.. arguments, "--quiet"]);
}
