using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Cli.Tests;

/// <summary><c>ink compare</c> on token shards of its own, two families.</summary>
public sealed class CompareVerbTests(Workplace place) : IClassFixture<Workplace>
{
    private const string Shootout = """
        compare: {active_parameters: 60000, seeds: [3, 4]}
        families:
          llama: {model_type: llama, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 64, tie_word_embeddings: true}
          sparse: {model_type: deepseek_v3, hidden_size: 32, intermediate_size: 64, moe_intermediate_size: 16, num_hidden_layers: 2, num_attention_heads: 2, q_lora_rank: 16, kv_lora_rank: 12, qk_nope_head_dim: 8,
            qk_rope_head_dim: 4, v_head_dim: 8, first_k_dense_replace: 1, n_routed_experts: 4, n_shared_experts: 1, num_experts_per_tok: 2, n_group: 2, topk_group: 2, routed_scaling_factor: 1,
            max_position_embeddings: 64, tie_word_embeddings: true, fit: [intermediate_size, moe_intermediate_size]}
        tokenizer: tok
        data: {train: tokens, valid: tokens, sequence_length: 32}
        optimizer: {lr: 3e-3}
        schedule: {warmup_steps: 2}
        train: {steps: 6, batch_size: 4, eval_every: 3, eval_batches: 2, save_every: 3, keep: 1}
        out: nowhere
        """;

    [Fact]
    public void FamiliesAreEquallyLarge_SeeTheSameTokens_AndAreNotTrainedTwice()
    {
        File.WriteAllText(place["shootout.yaml"], Shootout);
        JsonElement first = Ink.RunIn(place.Path, "compare", "shootout.yaml", "--out", "duel", "--json", "--quiet").ShouldEndWith(0).Json;
        JsonElement[] families = [.. first.GetProperty("families").EnumerateArray()];
        families.Select(f => f.GetProperty("name").GetString()).ShouldBe(["llama", "sparse"]);
        foreach (JsonElement family in families)
        {
            family.GetProperty("active_parameters").GetInt64().ShouldBeInRange(58_800, 61_200);
            family.GetProperty("bits_per_byte").GetProperty("of").GetArrayLength().ShouldBe(2);
            family
                .GetProperty("bits_per_byte")
                .GetProperty("low")
                .GetDouble()
                .ShouldBeLessThan(family.GetProperty("bits_per_byte").GetProperty("high").GetDouble(), "two seeds");
            family.GetProperty("decode_tokens_per_second").GetDouble().ShouldBeGreaterThan(0);
            JsonNode config = JsonNode.Parse(File.ReadAllText(place[$"duel/{family.GetProperty("name").GetString()}/model.json"]))!;
            ((int)config["vocab_size"]!).ShouldBe(300);
        }
        // Keys and values of one layer: 2 × 1 head × 16 × 4 bytes; two layers. Latents: (12 + 4) × 4 bytes a layer.
        families[0].GetProperty("cache_bytes_per_token").GetProperty("1024").GetInt64().ShouldBe(2 * 2 * 16 * 4);
        families[1].GetProperty("cache_bytes_per_token").GetProperty("32768").GetInt64().ShouldBe(2 * (12 + 4) * 4);
        families[1].GetProperty("parameters").GetInt64().ShouldBeGreaterThan(families[1].GetProperty("active_parameters").GetInt64());
        string page = File.ReadAllText(place["duel/index.html"]);
        page.ShouldContain("sparse");
        DateTime trained = File.GetLastWriteTimeUtc(place["duel/llama/seed-3/metrics.jsonl"]);
        JsonElement again = Ink.RunIn(place.Path, "compare", "shootout.yaml", "--out", "duel", "--json", "--quiet").ShouldEndWith(0).Json;
        again.GetRawText().ShouldBe(first.GetRawText());
        File.GetLastWriteTimeUtc(place["duel/llama/seed-3/metrics.jsonl"]).ShouldBe(trained);
        Ink.RunIn(place.Path, "compare", "shootout.yaml", "--out", "duel", "--train.steps", "7")
            .ShouldEndWith(2)
            .Error.ShouldContain("other settings");
    }

    [Theory]
    [InlineData("families:", "model: {}\nfamilies:", "model has no place here")]
    [InlineData("fit: [intermediate_size, moe_intermediate_size]", "fit: [width]", "width")]
    [InlineData("active_parameters: 60000", "active_parameters: 20000", "cannot have 20,000")]
    [InlineData("compare:", "compere:", "compare")]
    [InlineData(
        "train: {steps: 6,",
        "train: {stepps: 6,",
        "wrong.yaml:11: there is no recipe key 'train.stepps' (did you mean 'train.steps'?)"
    )]
    [InlineData("optimizer: {lr: 3e-3}", "optimizer: {lr: fast}", "wrong.yaml:9: optimizer.lr")]
    public void WhatCannotBe_IsRefused(string old, string changed, string named)
    {
        File.WriteAllText(place["wrong.yaml"], Shootout.Replace(old, changed, StringComparison.Ordinal));
        Ink.RunIn(place.Path, "compare", "wrong.yaml", "--out", $"wrong-{named.Length}", "--quiet")
            .ShouldEndWith(2)
            .Error.ShouldContain(named);
    }
}
