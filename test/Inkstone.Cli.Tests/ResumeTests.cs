using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Inkstone.Cli.Tests;

/// <summary>A run that was killed, interrupted or moved to another number of threads ends with the bits of the one that was not.</summary>
public sealed class ResumeTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] WallClock = ["seconds", "tokens_per_second", "fraction_of_roof", "memory_bytes"];

    private static readonly Lock Once = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void KilledRuns_EndBitIdentical(int seed) => KillAndResume(seed, kills: 3);

    [Fact]
    [Trait("Category", "Slow")]
    public void FiftyKills_EndBitIdentical()
    {
        string[] longer = ["--train.steps", "3000", "--train.eval_every", "50", "--train.sample_every", "100", "--train.save_every", "5"];
        string expected = place["long"],
            run = place["long-killed"];
        Train(expected, longer).ShouldEndWith(0);
        Kill(run, new Random(50), 50, longer).ShouldBe(50, "the run must outlast the kills, or they prove nothing");
        Train(run, ["--resume", .. longer]).ShouldEndWith(0);
        Compare(run, expected, 3000);
    }

    [Fact]
    public void AnotherThreadCount_EndsBitIdentical()
    {
        string expected = Uninterrupted();
        string run = place[$"threads-{Guid.NewGuid():N}"];
        Interrupt(run, afterStep: 4);
        Train(run, "--resume", "--threads", "1").ShouldEndWith(0);
        Compare(run, expected);
    }

    /// <summary>The correction bias moves with every step: a run that forgot it, or the counts of a half step, would go another
    /// way.</summary>
    [Fact]
    public void ASparseModel_EndsBitIdenticalToo()
    {
        string expected = place["sparse"],
            run = place["sparse-resumed"];
        Train(expected, "sparse.yaml").ShouldEndWith(0);
        Interrupt(run, afterStep: 4, "sparse.yaml");
        Train(run, "sparse.yaml", "--resume", "--threads", "1").ShouldEndWith(0);
        Compare(run, expected);
        JsonObject step = JsonNode.Parse(Metrics(expected)[^2])!.AsObject();
        foreach (string figure in (string[])["mtp_loss", "sequence_balance_loss", "router_most.1", "router_least.1", "router_most.2"])
        {
            step.ContainsKey(figure).ShouldBeTrue(figure + " in " + step.ToJsonString());
        }
    }

    [Fact]
    public void Sigterm_SavesAndExits130()
    {
        string expected = Uninterrupted();
        string run = place[$"term-{Guid.NewGuid():N}"];
        Interrupt(run, afterStep: 2);
        Train(run, "--resume").ShouldEndWith(0);
        Compare(run, expected);
    }

    [Fact]
    public void AKillBeforeTheFirstCheckpoint_BeginsAnew()
    {
        string expected = Uninterrupted();
        string run = place[$"early-{Guid.NewGuid():N}"];
        Interrupt(run, afterStep: 2);
        Directory.Delete(Path.Combine(run, "checkpoints"), recursive: true);
        Train(run, "--resume").ShouldEndWith(0);
        Compare(run, expected);
    }

    [Fact]
    public void AnExistingRun_IsNeitherOverwrittenNorResumedUnasked()
    {
        string expected = Uninterrupted();
        byte[] before = File.ReadAllBytes(Path.Combine(expected, "metrics.jsonl"));
        Ink.Outcome refused = Train(expected).ShouldEndWith(2);
        refused.Error.ShouldContain("--resume");
        File.ReadAllBytes(Path.Combine(expected, "metrics.jsonl")).ShouldBe(before);
        Train(expected, "--resume").ShouldEndWith(0); // nothing is left to do
        Compare(expected, expected);
    }

    [Fact]
    public void AnExplodingLearningRate_EndsInOneSentenceAndKeepsTheLastGoodCheckpoint()
    {
        string run = place["exploding"];
        Ink.Outcome fault = Train(
                run,
                "--optimizer.name",
                "adamw",
                "--optimizer.lr",
                "1000000",
                "--train.save_every",
                "1",
                "--optimizer.clip",
                "0"
            )
            .ShouldEndWith(2);
        fault.Error.ShouldContain("training diverged at step");
        fault.Error.ShouldContain("learning rate");
        fault.Error.ShouldContain("optimizer.lr");
    }

    private void KillAndResume(int seed, int kills)
    {
        string expected = Uninterrupted();
        string run = place[$"killed-{seed}-{Guid.NewGuid():N}"];
        Kill(run, new Random(seed), kills);
        Train(run, "--resume").ShouldEndWith(0);
        Compare(run, expected);
    }

    /// <summary>Starts and kills the run; returns how often it was still running when killed.</summary>
    private int Kill(string run, Random random, int times, params string[] more)
    {
        int killed = 0;
        for (int kill = 0; kill < times; kill++)
        {
            using Process process = Ink.Start(place.Path, ["pretrain", "r.yaml", "--out", run, "--quiet", "--resume", .. more]);
            killed += process.WaitForExit(random.Next(200, 1200)) ? 0 : 1;
            process.Kill();
            process.WaitForExit();
        }
        return killed;
    }

    private void Interrupt(string run, int afterStep, string recipe = "r.yaml")
    {
        using Process process = Ink.Start(place.Path, ["pretrain", recipe, "--out", run, "--quiet"]);
        string metrics = Path.Combine(run, "metrics.jsonl");
        while (!process.HasExited && (!File.Exists(metrics) || Lines(metrics) < afterStep + 1))
        {
            Thread.Sleep(5);
        }
        Ink.Signal(process, PosixSignal.SIGTERM);
        process.WaitForExit();
        process.ExitCode.ShouldBe(130, process.StandardError.ReadToEnd());
        Directory.GetDirectories(Path.Combine(run, "checkpoints")).ShouldNotBeEmpty();
    }

    private string Uninterrupted()
    {
        lock (Once)
        {
            string run = place["uninterrupted"];
            if (!Directory.Exists(run))
            {
                Train(run).ShouldEndWith(0);
            }
            return run;
        }
    }

    private Ink.Outcome Train(string run, params string[] more) =>
        Ink.RunIn(
            place.Path,
            [
                "pretrain",
                .. more is [string first, ..] && first.EndsWith(".yaml", StringComparison.Ordinal) ? more : ["r.yaml", .. more],
                "--out",
                run,
                "--quiet",
            ]
        );

    private static int Lines(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd().Count(c => c == '\n');
    }

    private static void Compare(string run, string expected, int steps = 24)
    {
        string last = Path.Combine("checkpoints", $"step-{steps:D6}");
        foreach (
            string file in (string[])["model.safetensors", "optimizer.state", "config.json", "tokenizer.json", "generation_config.json"]
        )
        {
            File.ReadAllBytes(Path.Combine(run, last, file)).ShouldBe(File.ReadAllBytes(Path.Combine(expected, last, file)), file);
        }
        State(run, last).ShouldBe(State(expected, last));
        File.ReadAllText(Path.Combine(run, "samples.jsonl")).ShouldBe(File.ReadAllText(Path.Combine(expected, "samples.jsonl")));
        string[] actual = Metrics(run),
            right = Metrics(expected);
        actual
            .Zip(right)
            .FirstOrDefault(pair => pair.First != pair.Second)
            .ShouldBe(default, "the first line of metrics.jsonl that differs");
        actual.Length.ShouldBe(right.Length);
        Directory
            .GetFileSystemEntries(Path.Combine(run, "checkpoints"))
            .ShouldNotContain(e => e.EndsWith(".partial", StringComparison.Ordinal) || e.EndsWith(".old", StringComparison.Ordinal));
    }

    private static string State(string run, string last)
    {
        JsonObject state = JsonNode.Parse(File.ReadAllText(Path.Combine(run, last, "state.json")))!.AsObject();
        state.Remove("recipe"); // names the output directory
        return state.ToJsonString();
    }

    private static string[] Metrics(string run) =>
        [
            .. File.ReadAllLines(Path.Combine(run, "metrics.jsonl"))
                .Select(line =>
                {
                    JsonObject metrics = JsonNode.Parse(line)!.AsObject();
                    foreach (string key in WallClock)
                    {
                        metrics.Remove(key);
                    }
                    return metrics.ToJsonString();
                }),
        ];
}
