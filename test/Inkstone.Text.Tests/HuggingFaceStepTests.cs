using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

/// <summary>
/// Every normalizer, pre-tokenizer, post-processor and decoder that a BPE tokenizer can have, in many orders, with what Hugging Face
/// tokenizers
/// 0.23.2 make of it (huggingface-steps.json, written by bench/peers/tokenizers-steps.cjs).
/// </summary>
public sealed class HuggingFaceStepTests
{
    private static readonly JsonNode Data = JsonNode.Parse(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "huggingface-steps.json"))
    )!;
    private static readonly string[] Texts = Data["texts"].Deserialize<string[]>()!;
    private static readonly Case[] Cases = Data["cases"].Deserialize<Case[]>(JsonSerializerOptions.Web)!;

    public static TheoryData<string> Names => [.. Cases.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encodes_decodes_and_streams_as_Hugging_Face(string name)
    {
        Case c = Cases.Single(x => x.Name == name);
        JsonNode json = c.Tokenizer.DeepClone();
        foreach ((string key, JsonNode? value) in Data["vocabularies"]![c.Vocabulary]!.AsObject())
        {
            json["model"]![key == "vocab" ? "vocab" : "merges"] = value!.DeepClone();
        }
        using TemporaryDirectory aside = new();
        Tokenizer tokenizer = Tokenizer.Load(aside.Write("tokenizer.json", json.ToJsonString()));
        for (int i = 0; i < Texts.Length; i++)
        {
            tokenizer.Encode(Texts[i], addSpecialTokens: false).ShouldBe(c.Ids[i], $"{name}: '{Texts[i]}'");
            tokenizer.Encode(Texts[i]).ShouldBe((c.Special ?? c.Ids)[i], $"{name}: '{Texts[i]}' with special tokens");
        }
        int[][] decoded = [.. c.Ids, .. c.Random];
        for (int i = 0; i < decoded.Length; i++)
        {
            string shown = $"{name}: {string.Join(',', decoded[i])}";
            tokenizer.Decode(decoded[i]).ShouldBe(c.Decoded[i], shown);
            StreamDecoder stream = new(tokenizer, skipSpecialTokens: false);
            for (int twice = 0; twice < 2; twice++)
            {
                string streamed = string.Concat(decoded[i].Select(stream.Add)) + stream.Flush();
                streamed.ShouldBe(c.Decoded[i], $"{shown}, streamed");
            }
        }
    }

    internal sealed record Case(
        string Name,
        string Vocabulary,
        JsonNode Tokenizer,
        int[][] Ids,
        int[][]? Special,
        int[][] Random,
        string[] Decoded
    );
}
