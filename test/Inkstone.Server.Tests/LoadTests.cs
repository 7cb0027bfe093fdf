using System.Text.Json.Nodes;

namespace Inkstone.Server.Tests;

/// <summary>The tools that ask servers, against one of ours and against one that does wrong.</summary>
public sealed class LoadTests
{
    [Fact]
    public async Task Smoke_passes_here_and_names_what_fails_elsewhere()
    {
        await using Served served = await Served.StartAsync();
        IReadOnlyList<SmokeCheck> checks = await Smoke.RunAsync(served.Address.ToString(), null, null, CancellationToken.None);
        checks.Select(c => c.Name).ShouldBe(["health", "chat", "multi-turn", "structured", "json mode", "streaming", "tools"]);
        checks.Where(c => !c.Ok).Select(c => $"{c.Name}: {c.Detail}").ShouldBeEmpty();
        await using Served locked = await Served.StartAsync(new ServerOptions { ApiKeys = ["key"] });
        IReadOnlyList<SmokeCheck> refused = await Smoke.RunAsync(locked.Address.ToString(), "wrong", null, CancellationToken.None);
        refused.Count(c => !c.Ok).ShouldBe(6);
        refused[1].Detail.ShouldContain("401");
        await Should.ThrowAsync<IOException>(() => Smoke.RunAsync("http://127.0.0.1:1", null, null, CancellationToken.None));
    }

    [Fact]
    public async Task A_benchmark_counts_what_was_made()
    {
        await using Served served = await Served.StartAsync();
        int ended = 0;
        JsonObject f = await ServeBench.RunAsync(
            new ServeBenchOptions(served.Address + "v1")
            {
                Requests = 12,
                Concurrency = 4,
                MaxTokens = 16,
                PromptTokens = 20,
                IgnoreEos = true,
                Goodput = new Dictionary<string, double> { ["e2el"] = 60_000 },
            },
            n => ended = Math.Max(ended, n),
            CancellationToken.None
        );
        ended.ShouldBe(12);
        ((int)f["completed"]!).ShouldBe(12);
        ((int)f["failed"]!).ShouldBe(0);
        ((long)f["total_output_tokens"]!).ShouldBe(12 * 16);
        ((int)f["max_concurrent_requests"]!).ShouldBeInRange(1, 4);
        double seconds = (double)f["duration"]!;
        ((double)f["output_throughput"]!).ShouldBe(192 / seconds, 1e-6);
        ((double)f["request_goodput"]!).ShouldBe(12 / seconds, 1e-6);
        foreach (string name in (string[])["ttft", "tpot", "itl", "e2el"])
        {
            ((double)f[$"median_{name}_ms"]!).ShouldBeLessThanOrEqualTo((double)f[$"p99_{name}_ms"]! + 1e-9);
        }
        ((double)f["mean_e2el_ms"]!).ShouldBeGreaterThan((double)f["mean_ttft_ms"]!);
        JsonObject poisson = await ServeBench.RunAsync(
            new ServeBenchOptions(served.Address.ToString())
            {
                Requests = 10,
                Concurrency = 0,
                Rate = 100,
                RampTo = 400,
                MaxTokens = 2,
                Chat = false,
                Prompts = [JsonValue.Create("<|hello|>")!],
            },
            _ => { },
            CancellationToken.None
        );
        ((int)poisson["completed"]!).ShouldBe(10);
    }

    [Fact]
    public async Task A_second_turn_is_compared_with_one_that_begins_unseen()
    {
        await using Served served = await Served.StartAsync();
        int ended = 0;
        JsonObject f = await SecondTurn.RunAsync(
            new ServeBenchOptions(served.Address.ToString())
            {
                Requests = 2,
                PromptTokens = 200,
                MaxTokens = 4,
            },
            n => ended = n,
            CancellationToken.None
        );
        ended.ShouldBe(2);
        ((int)f["prompt_tokens"]!).ShouldBeGreaterThan(400); // the tokens of this model are bytes
        ((double)f["median_second_turn_ttft_ms"]!).ShouldBeGreaterThan(0);
        ((double)f["median_unseen_second_turn_ttft_ms"]!).ShouldBeGreaterThan(0);
        // The second turn of each of the three conversations, and nothing else, was found.
        served.Engine.Statistics.CachedTokens.ShouldBeGreaterThan(3 * 400);
        served.Engine.Statistics.CachedTokens.ShouldBeLessThan(served.Engine.Statistics.PromptTokens / 2);
    }

    [Theory]
    [InlineData(50, 2.5)]
    [InlineData(99, 3.97)]
    [InlineData(0, 1)]
    [InlineData(100, 4)]
    public void Percentiles_are_numpys(double percent, double value) => ServeBench.Percentile([1, 2, 3, 4], percent).ShouldBe(value, 1e-12);

    [Fact]
    public async Task A_soak_finds_nothing_wrong_here()
    {
        await using Served served = await Served.StartAsync();
        SoakResult result = await Soak.RunAsync(
            served.Address.ToString(),
            null,
            null,
            TimeSpan.FromSeconds(3),
            4,
            (_, _) => { },
            CancellationToken.None
        );
        result.Requests.ShouldBeGreaterThan(20);
        result.Ok.ShouldBeTrue(result.Json().ToJsonString());
    }

    [Fact]
    public void Prompts_are_read_from_every_usual_form()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(
                file,
                [
                    "a plain line",
                    "{\"prompt\": \"p\"}",
                    "{\"messages\": [{\"role\": \"user\", \"content\": \"m\"}]}",
                    "{\"conversations\": [{\"from\": \"human\", \"value\": \"c\"}]}",
                    "",
                ]
            );
            ServeBench
                .ReadPrompts(file)
                .Select(p => p.ToJsonString())
                .ShouldBe(["\"a plain line\"", "\"p\"", "[{\"role\":\"user\",\"content\":\"m\"}]", "\"c\""]);
            File.WriteAllText(file, "{\"x\": 1}");
            Should.Throw<InvalidDataException>(() => ServeBench.ReadPrompts(file)).Message.ShouldContain("line 1");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
