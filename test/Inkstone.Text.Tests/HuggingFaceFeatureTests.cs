using System.Text.Json;

namespace Inkstone.Text.Tests;

/// <summary>
/// One small tokenizer for each feature of tokenizer.json, with what Hugging Face tokenizers 0.23.2 make of it
/// (huggingface-features.json, written by bench/peers/tokenizers-features.cjs).
/// </summary>
public sealed class HuggingFaceFeatureTests
{
    private static readonly Case[] Cases = JsonSerializer.Deserialize<Case[]>(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "huggingface-features.json")),
        JsonSerializerOptions.Web
    )!;

    public static TheoryData<string> Names => [.. Cases.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encodes_and_decodes_as_Hugging_Face(string name)
    {
        Case c = Cases.Single(x => x.Name == name);
        using TemporaryDirectory aside = new();
        Tokenizer tokenizer = Tokenizer.Load(aside.Write("tokenizer.json", c.Tokenizer.GetRawText()));
        for (int i = 0; i < c.Texts.Length; i++)
        {
            tokenizer.Encode(c.Texts[i], addSpecialTokens: false).ShouldBe(c.Ids[i], $"{name}: '{c.Texts[i]}'");
            tokenizer.Encode(c.Texts[i]).ShouldBe(c.Special[i], $"{name}: '{c.Texts[i]}' with special tokens");
            Decodes(tokenizer, c.Special[i], c.Decoded[i], c.Skipped[i], name);
        }
        for (int i = 0; i < c.Random.Length; i++)
        {
            Decodes(tokenizer, c.Random[i], c.RandomDecoded[i], c.RandomSkipped[i], name);
        }
    }

    private static void Decodes(Tokenizer tokenizer, int[] ids, string all, string skipped, string name)
    {
        string shown = $"{name}: {string.Join(',', ids)}";
        tokenizer.Decode(ids).ShouldBe(all, shown);
        tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe(skipped, shown);
        StreamDecoder stream = new(tokenizer);
        for (int twice = 0; twice < 2; twice++)
        {
            string streamed = string.Concat(ids.Select(stream.Add)) + stream.Flush();
            streamed.ShouldBe(skipped, $"{shown}, streamed");
        }
    }

    internal sealed record Case(
        string Name,
        JsonElement Tokenizer,
        string[] Texts,
        int[][] Ids,
        int[][] Special,
        string[] Decoded,
        string[] Skipped,
        int[][] Random,
        string[] RandomDecoded,
        string[] RandomSkipped
    );
}
