using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>Best of n: what is kept, by rewards that can be computed again from the texts.</summary>
public sealed class SampleVerbTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] Flags =
    [
        "--model",
        "writer",
        "--input",
        "prompts.jsonl",
        "--max-tokens",
        "12",
        "--temperature",
        "1.5",
        "--seed",
        "5",
        "--ignore-eos",
        "--quiet",
        "--force",
    ];

    [Fact]
    public void TheBestOfAllAnswersIsKept_AndTheWorstIsRejected()
    {
        Prepare();
        File.WriteAllText(place["rewards.yaml"], "length: {weight: 1, unit: characters, most: 1, slack: 100}\n");
        string[] rewarded = [.. Flags, "--best-of", "5", "--rewards", "rewards.yaml"];
        Ink.RunIn(place.Path, ["sample", .. rewarded, "--keep", "all", "--out", "all.jsonl"]).ShouldEndWith(0);
        Ink.RunIn(place.Path, ["sample", .. rewarded, "--out", "best.jsonl"]).ShouldEndWith(0);
        JsonElement told = Ink.RunIn(place.Path, ["sample", .. rewarded, "--keep", "pairs", "--out", "pairs.jsonl", "--json"])
            .ShouldEndWith(0)
            .Json;

        ILookup<string, JsonElement> all = Rows("all.jsonl").ToLookup(r => r.GetProperty("note").GetString()!);
        JsonElement[] best = Rows("best.jsonl"),
            pairs = Rows("pairs.jsonl");
        all.Count.ShouldBe(3);
        best.Length.ShouldBe(3);
        foreach (JsonElement row in best)
        {
            IGrouping<string, JsonElement> of = (IGrouping<string, JsonElement>)all[row.GetProperty("note").GetString()!];
            of.Count().ShouldBe(5);
            foreach (JsonElement answer in of)
            {
                int length = new System.Globalization.StringInfo(Said(answer)).LengthInTextElements;
                answer.GetProperty("score").GetDouble().ShouldBe(Math.Max(0, 1 - Math.Max(0, length - 1) / 100.0), 1e-6);
            }
            Said(row).ShouldBe(Said(of.MaxBy(a => a.GetProperty("score").GetDouble())));
        }
        (pairs.Length + told.GetProperty("left_out").GetInt32()).ShouldBe(3);
        foreach (JsonElement pair in pairs)
        {
            pair.GetProperty("chosen_score").GetDouble().ShouldBeGreaterThan(pair.GetProperty("rejected_score").GetDouble());
        }
    }

    [Fact]
    public void AnAnswerDoesNotDependOnWhatIsWrittenBesideIt()
    {
        Prepare();
        Ink.RunIn(place.Path, ["sample", .. Flags, "--best-of", "2", "--keep", "all", "--out", "two.jsonl"]).ShouldEndWith(0);
        Ink.RunIn(place.Path, ["sample", .. Flags, "--best-of", "7", "--keep", "all", "--out", "seven.jsonl"]).ShouldEndWith(0);
        string[] seven = [.. Rows("seven.jsonl").Select(Said)];
        foreach (string said in Rows("two.jsonl").Select(Said))
        {
            seven.ShouldContain(said);
        }
    }

    [Theory]
    [InlineData("--keep pairs", "add --best-of")]
    [InlineData("--best-of 2 --temperature 0", "add --temperature")]
    [InlineData("--keep some", "best, all or pairs")]
    [InlineData("--rewards r.yaml --best-of 2", "r.yaml:3")]
    public void WhatCannotBe_IsRefused(string flags, string named)
    {
        Prepare();
        Ink.RunIn(
                place.Path,
                ["sample", "--model", "writer", "--input", "prompts.jsonl", "--out", "never.jsonl", "--quiet", .. flags.Split(' ')]
            )
            .ShouldEndWith(2)
            .Error.ShouldContain(named);
        File.Exists(place["never.jsonl"]).ShouldBeFalse();
    }

    private static string Said(JsonElement row) => row.GetProperty("completion").GetString()!;

    private JsonElement[] Rows(string file) => [.. File.ReadLines(place[file]).Select(l => JsonDocument.Parse(l).RootElement)];

    private void Prepare()
    {
        if (!Directory.Exists(place["writer"]))
        {
            Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "writer", "--quiet").ShouldEndWith(0);
            File.WriteAllLines(
                place["prompts.jsonl"],
                Enumerable.Range(0, 3).Select(i => $$"""{"prompt":"two and {{i}}","note":"n{{i}}"}""")
            );
        }
    }
}
