using System.Diagnostics;

namespace Inkstone.Cli.Tests;

/// <summary>Two hosts, which are network namespaces with a wire between them that is slow, late and loses frames.</summary>
public sealed class TwoHostsTests(Workplace place) : IClassFixture<Workplace>
{
    private const int CannotBeTried = 77,
        Patience = 300_000;

    [MpiTheory]
    [Trait("Category", "Slow")]
    [InlineData("0")]
    [InlineData("3")]
    public void OverABadWire_TheBitsAreThoseOfOneProcess(string zero)
    {
        string[] call =
        [
            "pretrain",
            "r.yaml",
            "--quiet",
            "--threads",
            "1",
            "--train.steps",
            "6",
            "--train.batch_size",
            "2",
            "--train.accumulation",
            "4",
            "--train.save_every",
            "0",
            "--distributed.order",
            "fixed",
        ];
        string one = place["one"],
            two = place[$"two-{zero}"];
        if (!Directory.Exists(one))
        {
            Ink.RunIn(place.Path, [.. call, "--out", one]).ShouldEndWith(0);
        }
        using Process job = Process.Start(
            new ProcessStartInfo(
                "bash",
                [
                    Path.Combine(DocsTests.Root(), "bench/hosts/two-hosts.sh"),
                    "50mbit",
                    "2",
                    "0.5",
                    "dotnet",
                    Path.Combine(AppContext.BaseDirectory, "ink.dll"),
                    .. call,
                    "--out",
                    two,
                    "--distributed.zero",
                    zero,
                ]
            )
            {
                WorkingDirectory = place.Path,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        Task<string> error = job.StandardError.ReadToEndAsync(),
            output = job.StandardOutput.ReadToEndAsync();
        job.WaitForExit(Patience).ShouldBeTrue("two hosts end");
        Assert.SkipWhen(job.ExitCode == CannotBeTried, error.Result);
        job.ExitCode.ShouldBe(0, error.Result + output.Result);
        const string Weights = "checkpoints/step-000006/model.safetensors";
        File.ReadAllBytes(Path.Combine(two, Weights)).ShouldBe(File.ReadAllBytes(Path.Combine(one, Weights)));
    }
}
