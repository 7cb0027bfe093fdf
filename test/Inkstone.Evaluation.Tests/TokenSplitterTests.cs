using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Evaluation.Tests;

public sealed class TokenSplitterTests
{
    [GoldenTheory("goldens/lm_eval2/tokens.json", "tokenizers")]
    [InlineData("minimind")]
    [InlineData("llama2")]
    [InlineData("mini-llm")]
    [InlineData("qwen2.5")]
    public void Requests_are_cut_as_lm_eval_cuts_them(string name)
    {
        JsonObject set = JsonNode.Parse(File.ReadAllBytes(Goldens.Of("lm_eval2/tokens.json")))!["sets"]![name]!.AsObject();
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared($"tokenizers/{name}"));
        TokenSplitter splitter = new(tokenizer);
        splitter.PrefixToken.ShouldBe((int)set["prefix_token_id"]!);
        Pairs(splitter, set["pairs_max_length_32"]!.AsArray());
        foreach ((string key, bool bos) in new[] { ("add_bos_token_true", true), ("add_bos_token_false", false) })
        {
            if (set[key] is { } with)
            {
                TokenSplitter told = new(tokenizer, bos);
                Pairs(told, with["pairs"]!.AsArray());
                with["rolling"]!.AsArray().ToList().ForEach(r => Windows(told, r!, 512));
                with["generate"]!.AsArray().ToList().ForEach(g => told.EncodePrompt((string)g!["context"]!).ShouldBe(Ids(g["fed_ids"])));
            }
        }
        foreach (int length in new[] { 8, 16, 512 })
        {
            set[$"rolling_max_length_{length}"]?.AsArray().ToList().ForEach(r => Windows(splitter, r!, length));
        }
    }

    private static int[] Ids(JsonNode? ids) => [.. ids!.AsArray().Select(i => (int)i!)];

    private static void Pairs(TokenSplitter splitter, JsonArray pairs)
    {
        foreach (JsonNode? pair in pairs)
        {
            (string context, string continuation) = ((string)pair!["context"]!, (string)pair["continuation"]!);
            if (pair["context_ids"] is null)
            {
                pair["raised"].ShouldNotBeNull();
                // What is too long is known when it is scored.
                if (Should.NotThrow(() => Failure(() => splitter.Split(context, continuation))) is null)
                {
                    splitter.Split(context, continuation).Continuation.Length.ShouldBeGreaterThan(32);
                }
                continue;
            }
            ScoredTokens tokens = splitter.Split(context, continuation);
            tokens.Context.ShouldBe(Ids(pair["context_ids"]), $"{context}|{continuation}");
            tokens.Continuation.ShouldBe(Ids(pair["continuation_ids"]), $"{context}|{continuation}");
        }
    }

    private static InvalidDataException? Failure(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (InvalidDataException fault)
        {
            return fault;
        }
    }

    private static void Windows(TokenSplitter splitter, JsonNode rolling, int length)
    {
        IReadOnlyList<ScoredTokens> windows = splitter.Windows((string)rolling["text"]!, length);
        JsonArray expected = rolling["windows"]!.AsArray();
        windows.Count.ShouldBe(expected.Count);
        for (int i = 0; i < windows.Count; i++)
        {
            windows[i].Context.ShouldBe(Ids(expected[i]!["context_ids"]));
            windows[i].Continuation.ShouldBe(Ids(expected[i]!["continuation_ids"]));
        }
    }
}
