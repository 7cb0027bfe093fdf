using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Inkstone.Cli.Tests;

/// <inheritdoc/>
public sealed class MpiTests(Workplace place) : MpiSuite(place, Mpi.OpenMpi);

/// <summary>The same suite on the other ABI.</summary>
[Trait("Category", "Slow")]
public sealed class MpichTests(Workplace place) : MpiSuite(place, Mpi.Mpich);

/// <summary>Several processes give what one gives, in any number, and survive the death of one of them.</summary>
public abstract class MpiSuite : IClassFixture<Workplace>
{
    private const int Steps = 8;

    private readonly Workplace _place;
    private readonly string _launcher;

    protected MpiSuite(Workplace place, string launcher)
    {
        (_place, _launcher) = (place, launcher);
        Assert.SkipWhen(Mpi.Absent(launcher) is not null, Mpi.Absent(launcher) ?? "");
    }

    private static readonly string[] Short =
    [
        "--train.steps",
        "8",
        "--train.batch_size",
        "2",
        "--train.accumulation",
        "4",
        "--train.eval_every",
        "4",
        "--train.save_every",
        "4",
        "--train.eval_batches",
        "3",
    ];

    /// <summary>Experts, their bias and balance, a block that looks further ahead.</summary>
    [Fact]
    public void InFixedOrder_TheBitsAreThoseOfOneProcess() => SameAsOne("sparse.yaml", 2);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("r.yaml", 2)] // muon, tied head
    [InlineData("r.yaml", 4)]
    [InlineData("sparse.yaml", 4)]
    [InlineData("linear.yaml", 2)] // linear attention, experts with an auxiliary loss
    [InlineData("linear.yaml", 4)]
    public void InFixedOrder_TheBitsAreThoseOfOneProcess_InAnyFamily(string recipe, int ranks) => SameAsOne(recipe, ranks);

    private void SameAsOne(string recipe, int ranks)
    {
        string one = Train(1, recipe, "--distributed.order", "fixed"),
            several = Train(ranks, recipe, "--distributed.order", "fixed");
        SameBits(several, one);
        Metrics(several).ShouldBe(Metrics(one));
    }

    [Fact]
    public void ShardedMoments_HaveTheBitsOfWholeOnes()
    {
        string[] fixedOrder = ["--distributed.order", "fixed", "--optimizer.name", "adamw"];
        string whole = Train(1, "r.yaml", fixedOrder),
            sharded = Train(2, "r.yaml", [.. fixedOrder, "--distributed.zero", "1", "--distributed.bucket_mb", "0.0625"]);
        SameBits(sharded, whole);
        Metrics(sharded).ShouldBe(Metrics(whole));
    }

    /// <summary>Parameters sharded: the last block is one that only training uses, routers and their bias, a tied head; each process has two
    /// micro-batches, and checkpoints are read on.</summary>
    [Fact]
    public void ShardedWeights_HaveTheBitsOfWholeOnes()
    {
        string[] fixedOrder = ["--distributed.order", "fixed"];
        string whole = Train(1, "sparse.yaml", fixedOrder),
            sharded = Train(2, "sparse.yaml", [.. fixedOrder, "--distributed.zero", "3", "--distributed.bucket_mb", "0.0625"]);
        SameBits(sharded, whole);
        Metrics(sharded).ShouldBe(Metrics(whole));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("r.yaml", 2, "1", "muon")]
    [InlineData("r.yaml", 4, "1", "muon")]
    [InlineData("r.yaml", 2, "3", "muon")]
    [InlineData("r.yaml", 2, "3", "adamw")]
    [InlineData("r.yaml", 4, "3", "adamw")]
    [InlineData("sparse.yaml", 4, "3", "adamw")]
    [InlineData("linear.yaml", 2, "3", "adamw")]
    [InlineData("linear.yaml", 4, "3", "muon")]
    public void WhatIsSharded_HasTheBitsOfWholes(string recipe, int ranks, string zero, string optimizer)
    {
        string[] fixedOrder = ["--distributed.order", "fixed", "--optimizer.name", optimizer];
        string whole = Train(1, recipe, fixedOrder),
            sharded = Train(ranks, recipe, [.. fixedOrder, "--distributed.zero", zero, "--distributed.bucket_mb", "0.0625"]);
        SameBits(sharded, whole);
        Metrics(sharded).ShouldBe(Metrics(whole));
    }

    /// <summary>Blocks computed twice, and a run that goes on with another number of processes, sharded otherwise.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void AShardedRun_GoesOnWithAnotherNumber()
    {
        string[] options = ["--distributed.order", "fixed", "--train.recompute", "true"];
        string expected = Train(1, "sparse.yaml", options),
            run = Train(2, "sparse.yaml", [.. options, "--distributed.zero", "3", "--train.eval_every", "0"]);
        Directory.Delete(Path.Combine(run, "checkpoints", "step-000008"), recursive: true);
        Run(4, ["pretrain", "sparse.yaml", "--out", run, "--quiet", .. Short, .. options, "--distributed.zero", "1", "--resume"])
            .ShouldEndWith(0);
        SameBits(run, expected);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("fp32", 1e-5)]
    [InlineData("bf16", 2e-3)]
    public void InAnyOrder_LossesAreThoseOfOneProcess(string wire, double tolerance)
    {
        double[] one = Losses(Train(1, "sparse.yaml"));
        foreach (string zero in (string[])["0", "3"])
        {
            double[] several = Losses(Train(2, "sparse.yaml", "--distributed.wire", wire, "--distributed.zero", zero));
            for (int i = 0; i < one.Length; i++)
            {
                several[i].ShouldBe(one[i], tolerance * one[i], $"step {i + 1}, zero {zero}");
            }
        }
    }

    [Fact]
    public async Task ADeadRank_EndsTheJobAndAnotherNumberGoesOnExactly()
    {
        string expected = Train(1, "sparse.yaml", "--distributed.order", "fixed", "--train.steps", "60"),
            run = _place[$"dead-{Guid.NewGuid():N}"];
        string[] call =
        [
            "pretrain",
            "sparse.yaml",
            "--out",
            run,
            "--quiet",
            .. Short,
            "--distributed.order",
            "fixed",
            "--train.steps",
            "60",
        ];
        using (Process job = Mpi.Start(2, _place.Path, call, _launcher))
        {
            job.StandardInput.Close();
            Task<string> output = job.StandardOutput.ReadToEndAsync(), // where Hydra says it
                error = job.StandardError.ReadToEndAsync();
            while (!job.HasExited && !Directory.Exists(Path.Combine(run, "checkpoints", "step-000004")))
            {
                Thread.Sleep(5);
            }
            int[] ranks = Ranks(job.Id);
            ranks.Length.ShouldBe(2);
            using (Process victim = Process.GetProcessById(ranks[^1]))
            {
                victim.Kill();
            }
            job.WaitForExit(30_000).ShouldBeTrue("the others end within 30 seconds");
            job.ExitCode.ShouldNotBe(0);
            (await output + await error).ShouldContain("signal 9");
        }
        Run(1, [.. call, "--resume"]).ShouldEndWith(0);
        SameBits(run, expected, 60);
        Metrics(run).ShouldBe(Metrics(expected));
    }

    [Fact]
    public void WhatCannotBeDealtOut_IsRefusedOnceAndEndsAll()
    {
        Ink.Outcome refused = Run(
                2,
                ["pretrain", "r.yaml", "--out", _place["odd"], "--train.batch_size", "3", "--train.accumulation", "1", "--quiet"]
            )
            .ShouldEndWith(2);
        refused.Error.Split("cannot be dealt out evenly").Length.ShouldBe(2, refused.Error);
        Run(2, ["generate", "--model", "x", "--prompt", "y"]).ShouldEndWith(2).Error.ShouldContain("done by one process");
    }

    [Fact]
    public void TheFirstRankAlonePrints_AndSaysHowMany()
    {
        Ink.Outcome found = Run(2, ["inspect", "--mpi", "--json"]).ShouldEndWith(0);
        found.Json.GetProperty("ranks").GetInt32().ShouldBe(2);
        found.Json.GetProperty("abi").GetString().ShouldBe(_launcher == Mpi.Mpich ? "mpich" : "open-mpi");
        Ink.Outcome sums = Run(2, ["bench", "collective", "--most", "1", "--json"]).ShouldEndWith(0);
        sums.Json.GetProperty("ranks").GetInt32().ShouldBe(2);
        sums.Json.GetProperty("entries").GetArrayLength().ShouldBe(15);
    }

    private string Train(int ranks, string recipe, params string[] more)
    {
        string run = _place[$"mpi-{Guid.NewGuid():N}"];
        Run(ranks, ["pretrain", recipe, "--out", run, "--quiet", .. Short, .. more]).ShouldEndWith(0);
        return run;
    }

    private Ink.Outcome Run(int ranks, string[] arguments) => Mpi.Run(ranks, _place.Path, arguments, _launcher);

    /// <summary>The ranks below a launcher, which may have started them by way of another process.</summary>
    private static int[] Ranks(int launcher) =>
        [
            .. Directory
                .GetDirectories("/proc")
                .Select(Path.GetFileName)
                .Where(name => int.TryParse(name, out _))
                .Select(name => int.Parse(name!, System.Globalization.CultureInfo.InvariantCulture))
                .Where(id => ParentOf(id) is var parent && (parent == launcher || ParentOf(parent) == launcher) && IsInk(id))
                .Order(),
        ];

    private static bool IsInk(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").StartsWith("dotnet\0", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended meanwhile
        }
    }

    private static int ParentOf(int id)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{id}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 4)..].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // it has ended meanwhile
        }
    }

    private static void SameBits(string run, string expected, int steps = Steps)
    {
        foreach (string file in (string[])["model.safetensors", "optimizer.state", "config.json"])
        {
            string name = Path.Combine("checkpoints", $"step-{steps:D6}", file);
            File.ReadAllBytes(Path.Combine(run, name)).ShouldBe(File.ReadAllBytes(Path.Combine(expected, name)), file);
        }
    }

    private static double[] Losses(string run) =>
        [
            .. File.ReadAllLines(Path.Combine(run, "metrics.jsonl"))
                .Select(line => JsonNode.Parse(line)!)
                .Where(line => line["loss"] is not null)
                .Select(line => line["loss"]!.GetValue<double>()),
        ];

    private static string[] Metrics(string run) => ComparableMetrics.Read(run);
}
