using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Studio.Tests;

/// <summary>The page, the list of runs, what they have written, and who may ask.</summary>
public sealed class PageTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_page_is_whole_small_and_loads_nothing()
    {
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        using HttpResponseMessage answer = await studio.Client.GetAsync("/");
        string page = await answer.Content.ReadAsStringAsync();
        page.Length.ShouldBeLessThan(300_000);
        page.ShouldNotContain("/*script*/");
        page.ShouldContain("const Curves");
        page.ShouldContain("const Common");
        answer.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'none'");
        page.Replace("http://www.w3.org/2000/svg", "").ShouldNotContain("http://");
        page.ShouldNotContain("https://");
    }

    [Fact]
    public async Task Runs_are_found_below_the_named_folders_and_told_apart()
    {
        _folder.Write("runs/x/run/metrics.jsonl", "{\"step\":1,\"loss\":1}\n");
        _folder.Write("runs/x/run/samples.jsonl", "{\"step\":1,\"prompt\":\"a\",\"text\":\"b\"}\n{\"step\":2,\"pro");
        _folder.Write("runs/x/run/recipe.resolved.yaml", "model: small\n");
        _folder.Write("runs/y/run/metrics.jsonl", "");
        _folder.Write("runs/.hidden/run/metrics.jsonl", "");
        _folder.Write(
            "runs/eval_results.jsonl",
            """{"stage": "sft", "step": 20, "loss": 1.25, "perplexity": 3.49, "bits_per_byte": 0.5, "scores": {}}""" + "\n"
        );
        _folder.Write("runs/results_bad.json", "{}");
        await using Studio studio = await Studio.StartAsync(_folder["runs"]);
        JsonElement runs = (await studio.OkAsync("/api/runs")).GetProperty("runs");
        runs.EnumerateArray().Select(r => r.GetProperty("name").GetString()).ShouldBe(["x/run", "y/run"]);
        JsonElement samples = (await studio.OkAsync("/api/samples?run=x/run")).GetProperty("samples");
        samples.GetArrayLength().ShouldBe(1);
        samples[0].GetProperty("text").GetString().ShouldBe("b");
        (await studio.OkAsync("/api/recipe?run=x/run")).GetProperty("recipe").GetString().ShouldBe("model: small\n");
        (await studio.OkAsync("/api/recipe?run=x/run")).GetProperty("machines").GetArrayLength().ShouldBe(0);
        JsonElement tables = await studio.OkAsync("/api/tables");
        tables.GetProperty("tables")[0].GetProperty("rows")[0][0].GetString().ShouldBe("sft");
        tables.GetProperty("problems")[0].GetString()!.ShouldContain("results_bad.json");
    }

    [Theory]
    [InlineData("/api/metrics?run=../secret")]
    [InlineData("/api/samples?run=..%2Fsecret")]
    [InlineData("/api/recipe?run=%2Fetc")]
    [InlineData("/../secret/metrics.jsonl")]
    [InlineData("/runs/a/metrics.jsonl")]
    public async Task Nothing_outside_is_reached(string path)
    {
        _folder.Write("secret/metrics.jsonl", "{\"step\":1,\"loss\":1}\n");
        _folder.Write("runs/a/metrics.jsonl", "{\"step\":1,\"loss\":1}\n");
        await using Studio studio = await Studio.StartAsync(_folder["runs"]);
        (await studio.GetAsync(path)).Status.ShouldBe(404);
        (await studio.PostAsync("/api/data", new JsonObject { ["run"] = "a", ["file"] = "../secret/metrics.jsonl" })).Status.ShouldBeOneOf(
            400,
            404
        );
    }

    [Theory]
    [InlineData("Host", "evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Host", "localhost:80", HttpStatusCode.OK)]
    [InlineData("Origin", "http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "null", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.OK)]
    public async Task Other_pages_are_refused(string header, string value, HttpStatusCode expected)
    {
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        using HttpRequestMessage request = new(HttpMethod.Get, "/api/runs");
        request.Headers.Add(header, value);
        using HttpResponseMessage answer = await studio.Client.SendAsync(request);
        answer.StatusCode.ShouldBe(expected);
    }
}
