using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Inkstone.Text.Tests;

/// <summary>Encoding against the definition of BPE: apply the merge of the lowest rank, leftmost first, until there is none.</summary>
public sealed class MergingTests
{
    [GoldenTheory("tokenizers")]
    [InlineData("qwen2.5")]
    [InlineData("minimind")]
    [InlineData("mini-llm")]
    public void Random_words_encode_as_the_definition_says(string name)
    {
        Check(Tokenizer.Load(Goldens.Shared($"tokenizers/{name}")), seed: 3, words: 3000);
    }

    [GoldenTheory("tokenizers")]
    [InlineData("qwen2.5")]
    [InlineData("minimind")]
    [InlineData("mini-llm")]
    public void Words_made_of_the_vocabularys_own_words_encode_as_the_definition_says(string name)
    {
        // Random characters hardly ever join; tokens beside one another do, within and across their borders.
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared($"tokenizers/{name}"));
        string[] parts =
        [
            .. Enumerable
                .Range(0, tokenizer.VocabularySize)
                .Where(id => tokenizer.Exists(id) && tokenizer.TokenBytes(id).Length >= 3)
                .Select(id => tokenizer.Decode([id]))
                .Where(text => text.All(c => c is >= '\u4E00' and <= '\u9FA5')),
        ];
        Dictionary<(int, int), (int Rank, int Merged)> merges = Merges(tokenizer);
        Random random = new(8);
        for (int i = 0; i < 3000; i++)
        {
            string word = string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => parts[random.Next(parts.Length)]));
            int cut = random.Next(word.Length);
            word = random.Next(2) == 0 ? word[cut..] : word;
            tokenizer.Encode(word, addSpecialTokens: false).ShouldBe(ByDefinition(tokenizer, merges, word), word);
        }
    }

    [Fact]
    public void A_vocabulary_that_prefers_halves_of_characters_encodes_as_the_definition_says()
    {
        // Every character ends in the byte 80 and begins with E4 or E5, so merges across characters come first;
        // the characters by themselves are learned later from words of one.
        Random random = new(11);
        string[] documents =
        [
            .. Enumerable
                .Range(0, 400)
                .Select(_ => string.Concat(Enumerable.Range(0, 12).Select(_ => (char)(0x4E00 + (random.Next(40) * 64))))),
        ];
        documents = [.. documents, .. Enumerable.Range(0, 1600).Select(i => ((char)(0x4E00 + (i % 40 * 64))).ToString())];
        foreach (int size in new[] { 270, 300, 400, 800 })
        {
            Check(
                BpeTrainer.TrainText(documents, new(size, SplitPattern.Gpt2)),
                seed: size,
                words: 1000,
                low: 0x4E00 / 64,
                high: 0x5800 / 64,
                step: 64
            );
        }
    }

    [Fact]
    public void Long_words_go_another_way_and_end_the_same()
    {
        string[] documents = ["abababab abc abcabc aaaa aaaaaaa aabb 你好你好你好 世界世界"];
        Tokenizer tokenizer = BpeTrainer.TrainText(documents, new(300, SplitPattern.Gpt2));
        Dictionary<(int, int), (int Rank, int Merged)> merges = Merges(tokenizer);
        Random random = new(5);
        foreach (int length in new[] { 1, 2, 255, 256, 257, 258, 700, 2000 })
        {
            string word = string.Concat(Enumerable.Range(0, length).Select(_ => "abc"[random.Next(3)]));
            tokenizer.Encode(word).ShouldBe(ByDefinition(tokenizer, merges, word), $"length {length}");
        }
    }

    [Fact]
    public void A_megabyte_of_one_letter_takes_less_than_a_second()
    {
        Tokenizer tokenizer = BpeTrainer.TrainText([new string('a', 5000)], new(268, SplitPattern.Gpt2));
        string text = new('a', 1_000_000);
        tokenizer.Encode("warm up");
        Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();
        int[] ids = tokenizer.Encode(text);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5), "a quadratic encoder needs minutes");
        tokenizer.Decode(ids).ShouldBe(text);
    }

    [Fact]
    public void Many_threads_encode_as_one_does()
    {
        Random random = new(1);
        string[] documents =
        [
            .. Enumerable.Range(0, 500).Select(_ => string.Concat(Enumerable.Range(0, 60).Select(_ => (char)(0x4E00 + random.Next(300))))),
        ];
        Tokenizer tokenizer = BpeTrainer.TrainText(documents, new(1500, SplitPattern.Gpt4));
        int[][] alone = [.. documents.Select(d => tokenizer.Encode(d))];
        Parallel.For(
            0,
            8 * documents.Length,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i =>
            {
                int[] ids = tokenizer.Encode(documents[i % documents.Length]);
                ids.AsSpan().SequenceEqual(alone[i % documents.Length]).ShouldBeTrue();
            }
        );
    }

    private static void Check(Tokenizer tokenizer, int seed, int words, int low = 0x4E00, int high = 0x9FA5, int step = 1)
    {
        Dictionary<(int, int), (int Rank, int Merged)> merges = Merges(tokenizer);
        Random random = new(seed);
        for (int i = 0; i < words; i++)
        {
            // Letters only, so that every pattern leaves the word whole.
            string word = string.Concat(
                Enumerable
                    .Range(0, random.Next(1, 30))
                    .Select(_ => random.Next(12) == 0 ? (char)('a' + random.Next(26)) : (char)(random.Next(low, high) * step))
            );
            tokenizer.Encode(word, addSpecialTokens: false).ShouldBe(ByDefinition(tokenizer, merges, word), word);
        }
    }

    private static Dictionary<(int, int), (int Rank, int Merged)> Merges(Tokenizer tokenizer)
    {
        using TemporaryDirectory aside = new();
        tokenizer.Save(aside.Path);
        using JsonDocument json = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Path.Combine(aside.Path, "tokenizer.json")));
        Dictionary<(int, int), (int, int)> merges = new();
        int rank = 0;
        foreach (JsonElement merge in json.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray())
        {
            string[] sides =
                merge.ValueKind == System.Text.Json.JsonValueKind.String
                    ? merge.GetString()!.Split(' ')
                    : [merge[0].GetString()!, merge[1].GetString()!];
            merges[(tokenizer.TokenToId(sides[0])!.Value, tokenizer.TokenToId(sides[1])!.Value)] = (
                rank++,
                tokenizer.TokenToId(sides[0] + sides[1])!.Value
            );
        }
        return merges;
    }

    private static int[] ByDefinition(Tokenizer tokenizer, Dictionary<(int, int), (int Rank, int Merged)> merges, string word)
    {
        List<int> ids = [.. Encoding.UTF8.GetBytes(word).Select(b => tokenizer.TokenToId(ByteAlphabet.ToChar(b).ToString())!.Value)];
        while (true)
        {
            (int Rank, int Merged) best = (int.MaxValue, 0);
            int at = -1;
            for (int i = 0; i + 1 < ids.Count; i++)
            {
                if (merges.TryGetValue((ids[i], ids[i + 1]), out (int Rank, int Merged) merge) && merge.Rank < best.Rank)
                {
                    (best, at) = (merge, i);
                }
            }
            if (at < 0)
            {
                return [.. ids];
            }
            ids[at] = best.Merged;
            ids.RemoveAt(at + 1);
        }
    }
}
