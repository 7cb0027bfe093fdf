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
    public void Long_texts_are_measured_without_computing_them()
    {
        string[] flags =
        [
            "bench",
            "generate",
            "--config",
            "mini_qwen3_5",
            "quickstart",
            "--tokens",
            "2",
            "--rounds",
            "1",
            "--threads",
            "1",
            "--json",
        ];
        JsonElement json = Ink.RunIn(place.Path, [.. flags, "--at", "100", "5000"]).ShouldEndWith(0).Json;
        JsonElement[] entries = [.. json.GetProperty("entries").EnumerateArray()];
        entries.Select(e => e.GetProperty("length").GetInt32()).ShouldBe([100, 5000, 100, 5000]);
        long Bytes(int i) => entries[i].GetProperty("cache_bytes").GetInt64();
        (Bytes(3) > 40 * Bytes(2)).ShouldBeTrue("attention keeps every token");
        (Bytes(1) < 40 * Bytes(0)).ShouldBeTrue("most layers keep a state");
        Ink.RunIn(place.Path, "bench", "generate", "--at", "100").ShouldEndWith(2).Error.ShouldContain("--config");
        Ink.RunIn(place.Path, "bench", "generate").ShouldEndWith(2).Error.ShouldContain("--model");
    }

    [Fact]
    public void An_indexer_stands_beside_one_that_has_learned_nothing()
    {
        File.WriteAllText(
            place["indexed.json"],
            """
            {"model_type": "deepseek_v32", "hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": 16,
             "kv_lora_rank": 12, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "first_k_dense_replace": 1, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
             "n_group": 1, "topk_group": 1, "index_n_heads": 8, "index_head_dim": 8, "index_topk": 8, "max_position_embeddings": 64, "tie_word_embeddings": true}
            """
        );
        string[] make = ["new", "--tokenizer", "tok", "--seed", "42", "--quiet", "--config"];
        Ink.RunIn(place.Path, [.. make, "indexed.json", "--out", "indexed"]).ShouldEndWith(0);
        Ink.RunIn(place.Path, [.. make, "quickstart", "--out", "plain"]).ShouldEndWith(0);
        File.WriteAllText(place["long.txt"], string.Join(' ', Enumerable.Range(0, 600)));
        string[] flags =
        [
            "bench",
            "indexer",
            "--input",
            "long.txt",
            "--context",
            "32",
            "--documents",
            "3",
            "--threads",
            "1",
            "--json",
            "--model",
        ];
        JsonElement json = Ink.RunIn(place.Path, [.. flags, "indexed"]).ShouldEndWith(0).Json;
        json.GetProperty("layers").GetArrayLength().ShouldBe(2);
        json.GetProperty("layers")[0].GetProperty("queries").GetInt32().ShouldBe(32 - 8, "there is one document");
        json.GetProperty("kept")
            .GetDouble()
            .ShouldBe(json.GetProperty("kept_by_random_indexer").GetDouble(), 1e-9, "it is the one that has learned nothing");
        Ink.RunIn(place.Path, [.. flags, "plain"]).ShouldEndWith(2).Error.ShouldContain("without an indexer");
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
