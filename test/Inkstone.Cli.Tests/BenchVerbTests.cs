using System.Text.Json;

namespace Inkstone.Cli.Tests;

public sealed class BenchVerbTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] Small = ["--config", "quickstart", "--batch", "1", "--length", "16"];

    [Fact]
    public void Kernels_stand_beside_limits_of_the_same_run()
    {
        JsonElement json = Ink.RunIn(place.Path, ["bench", "kernels", .. Small, "--threads", "1", "--json"]).ShouldEndWith(0).Json;
        json.GetProperty("units")[0].GetProperty("operations_per_second").GetDouble().ShouldBeGreaterThan(0);
        json.GetProperty("choices").GetArrayLength().ShouldBe(3);
        foreach (JsonElement entry in json.GetProperty("entries").EnumerateArray())
        {
            entry.GetProperty("threads").GetInt32().ShouldBe(1);
            entry.GetProperty("dtype").GetString().ShouldBe("fp32");
            entry.GetProperty("shape").GetString().ShouldNotBeNullOrEmpty();
            entry.GetProperty("seconds").GetDouble().ShouldBeGreaterThan(0);
            entry
                .GetProperty("fraction")
                .GetDouble()
                .ShouldBe(entry.GetProperty("rate").GetDouble() / entry.GetProperty("roof").GetDouble(), 1e-9);
            entry.GetProperty("unit").GetString().ShouldBeOneOf("GFLOP/s", "GB/s");
        }
    }

    [Fact]
    public void Masks_of_a_grammar_are_measured()
    {
        JsonElement json = Ink.RunIn(
                place.Path,
                "bench",
                "grammar",
                "--tokenizer",
                "tok",
                "--texts",
                "2",
                "--warm-up",
                "1",
                "--tokens",
                "20",
                "--json"
            )
            .ShouldEndWith(0)
            .Json;
        json.GetProperty("schemas").GetInt32().ShouldBe(5);
        json.GetProperty("tokens").GetInt32().ShouldBeGreaterThan(20);
        json.GetProperty("mask_microseconds_p99")
            .GetDouble()
            .ShouldBeGreaterThanOrEqualTo(json.GetProperty("mask_microseconds_median").GetDouble());
    }

    [Fact]
    public void A_run_is_compared_with_an_earlier_one()
    {
        string[] train = ["bench", "train", .. Small, "--steps", "1"];
        Ink.Outcome first = Ink.RunIn(place.Path, [.. train, "--json"]).ShouldEndWith(0);
        first.Json.TryGetProperty("times_earlier", out _).ShouldBeFalse();
        File.WriteAllText(place["earlier.json"], first.Output);
        JsonElement second = Ink.RunIn(place.Path, [.. train, "--json", "--compare", "earlier.json"]).ShouldEndWith(0).Json;
        second
            .GetProperty("times_earlier")
            .GetDouble()
            .ShouldBe(second.GetProperty("tokens_per_second").GetDouble() / first.Json.GetProperty("tokens_per_second").GetDouble(), 1e-9);
        second.GetProperty("ops")[0].GetProperty("times_earlier").GetDouble().ShouldBeGreaterThan(0);
        string page = Ink.RunIn(place.Path, [.. train, "--compare", "earlier.json"]).ShouldEndWith(0).Output;
        page.ShouldContain("× the earlier run");
        page.ShouldContain("× before");
    }
}
