using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

public sealed class BpeTrainerGoldenTests
{
    private static readonly string[] Special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    [GoldenTheory("goldens/tokenizers")]
    [InlineData("gpt2_1000_min0", SplitPattern.Gpt2, 1000, 0)]
    [InlineData("gpt2_6400_min0", SplitPattern.Gpt2, 6400, 0)]
    [InlineData("gpt2_6400_min150", SplitPattern.Gpt2, 6400, 150)]
    [InlineData("gpt4_1000_min0", SplitPattern.Gpt4, 1000, 0)]
    [InlineData("gpt4_6400_min0", SplitPattern.Gpt4, 6400, 0)]
    [InlineData("nanochat_1000_min0", SplitPattern.Nanochat, 1000, 0)]
    [InlineData("nanochat_6400_min0", SplitPattern.Nanochat, 6400, 0)]
    [InlineData("qwen2_1000_min0", SplitPattern.Qwen2, 1000, 0)]
    [InlineData("qwen2_6400_min0", SplitPattern.Qwen2, 6400, 0)]
    public void Training_on_the_golden_corpus_gives_the_golden_file_and_its_ids(
        string name,
        SplitPattern pattern,
        int size,
        int minFrequency
    )
    {
        string folder = Goldens.Of("tokenizers");
        Tokenizer ours = BpeTrainer.Train([Path.Combine(folder, "corpus.txt")], new(size, pattern, minFrequency, Special));
        using TemporaryDirectory aside = new();
        ours.Save(aside.Path);

        JsonNode written = JsonNode.Parse(File.ReadAllText(Path.Combine(aside.Path, "tokenizer.json")))!;
        JsonNode golden = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, $"{name}.json")))!;
        JsonNode.DeepEquals(written, golden).ShouldBeTrue($"{name}: tokenizer.json differs");

        Tokenizer loaded = Tokenizer.Load(aside.Path);
        int[][] ids = Goldens.Read<int[][]>(Path.Combine(folder, $"{name}.ids.json"));
        string[] texts = Goldens.Texts(folder);
        for (int i = 0; i < texts.Length; i++)
        {
            loaded.Encode(texts[i], addSpecialTokens: false).ShouldBe(ids[i], $"{name}: text {i}");
        }
        loaded.VocabularyHash.ShouldBe(ours.VocabularyHash);
    }

    /// <summary>rustbpe numbers the bytes otherwise, so it breaks ties otherwise; all but a few tokens are the same (trained on lines
    /// without their ends).</summary>
    [GoldenFact("goldens/tokenizers")]
    public void Training_on_lines_agrees_with_rustbpe()
    {
        string folder = Goldens.Of("tokenizers");
        JsonElement[][] ranks = Goldens.Read<JsonElement[][]>(Path.Combine(folder, "rustbpe_6400_by_line.ranks.json"));
        Tokenizer ours = BpeTrainer.TrainText(File.ReadLines(Path.Combine(folder, "corpus.txt")), new(ranks.Length, SplitPattern.Nanochat));
        string[] expected = [.. ranks.Skip(256).Select(r => r[0].GetString()!)];
        string[] actual = [.. Enumerable.Range(256, ours.VocabularySize - 256).Select(id => Convert.ToHexStringLower(ours.TokenBytes(id)))];
        actual.Intersect(expected).Count().ShouldBeGreaterThan((int)(0.999 * expected.Length));
    }
}
