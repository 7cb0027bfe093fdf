using System.Text;
using System.Text.Json;
using Inkstone.Text;

namespace Inkstone.Cli.Tests;

/// <summary>Both halves of bits per byte are of the same tokens: the first is not predicted, so its text does not count.</summary>
public sealed class PerplexityTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] Texts = ["two and two are not four", "今天是第3天", "😀", "a", " one"];

    [Fact]
    public void BitsPerByteCountsTheBytesOfThePredictedTokens()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "measured", "--quiet").ShouldEndWith(0);
        File.WriteAllText(place["texts.json"], JsonSerializer.Serialize(Texts));
        File.WriteAllLines(
            place["texts.jsonl"],
            Texts.Select(t => JsonSerializer.Serialize(new Dictionary<string, string> { ["body"] = t }))
        );
        JsonElement result = Ink.RunIn(place.Path, "perplexity", "--model", "measured", "--texts", "texts.json", "--json")
            .ShouldEndWith(0)
            .Json;
        Tokenizer tokenizer = Tokenizer.Load(place["tok"]);
        JsonElement[] documents = [.. result.GetProperty("documents").EnumerateArray()];
        long bytes = 0;
        for (int i = 0; i < Texts.Length; i++)
        {
            int[] ids = tokenizer.Encode(Texts[i]);
            long predicted = ids.Skip(1).Sum(id => (long)tokenizer.TokenBytes(id).Length);
            documents[i].GetProperty("bytes").GetInt64().ShouldBe(predicted, Texts[i]);
            documents[i].GetProperty("tokens").GetInt64().ShouldBe(ids.Length - 1);
            bytes += predicted;
        }
        bytes.ShouldBeLessThan(Texts.Sum(t => (long)Encoding.UTF8.GetByteCount(t)));
        result.GetProperty("bits_per_byte").GetDouble().ShouldBe(result.GetProperty("nll_sum").GetDouble() / Math.Log(2) / bytes, 1e-9);
        Ink.RunIn(place.Path, "perplexity", "--model", "measured", "--input", "texts.jsonl", "--field", "body", "--json")
            .ShouldEndWith(0)
            .Output.ShouldBe(Ink.RunIn(place.Path, "perplexity", "--model", "measured", "--texts", "texts.json", "--json").Output);
    }

    [Fact]
    public void AVocabularySmallerThanAsked_IsSaid() =>
        Ink.RunIn(place.Path, "tokenizer", "train", "--input", "r.yaml", "--vocab-size", "6400", "--out", "small", "--quiet")
            .ShouldEndWith(0)
            .Error.ShouldContain("of the 6400 asked for");

    [Theory]
    [InlineData("--model.hidden_size", "2000000000", "GiB of memory")]
    [InlineData("--model.vocab_size", "2000000000", "GiB of memory")]
    [InlineData("--train.accumulation", "65536", "tokens a step, which is more than")]
    public void SizesThatNoMemoryHolds_AreTheUsersToMend(string key, string value, string named)
    {
        Ink.RunIn(place.Path, "pretrain", "r.yaml", "--out", "huge", "--train.batch_size", "65536", "--quiet", key, value)
            .ShouldEndWith(2)
            .Error.ShouldContain(named);
        Directory.Exists(place["huge"]).ShouldBeFalse();
    }
}
