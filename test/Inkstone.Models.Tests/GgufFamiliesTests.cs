using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Every family that llama.cpp has goes into a GGUF file and comes back with the same numbers; what a file cannot carry is refused
/// by name.</summary>
public sealed class GgufFamiliesTests : IDisposable
{
    private const int Vocabulary = 97;

    private readonly Device _device = new(2);
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-gguf-").FullName;

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    public static TheoryData<string> Families => [.. ModelFamilies.All.Where(f => f.Gguf is not null).Select(f => f.ModelType)];

    /// <summary>What small models need so that a file can carry them: what llama.cpp assumes.</summary>
    private static readonly Dictionary<string, string> Carried = new()
    {
        ["mistral"] = """{"sliding_window": null}""",
        ["mixtral"] = """{"sliding_window": null}""",
        ["phi3"] =
            """{"sliding_window": 64, "original_max_position_embeddings": 16, "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1], "long_factor": [1.2, 3.7]}}""",
        ["gemma2"] = """{"query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0}""",
        ["gemma3_text"] =
            """{"query_pre_attn_scalar": 8, "num_hidden_layers": 6, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}""",
        ["gemma3"] = """{"query_pre_attn_scalar": 8, "num_hidden_layers": 6, "tie_word_embeddings": true}""",
        ["qwen3_moe"] = """{"norm_topk_prob": true, "sliding_window": null}""",
        ["granite"] =
            """{"embedding_multiplier": 12, "attention_multiplier": 0.25, "residual_multiplier": 0.22, "logits_scaling": 8, "attention_bias": true, "mlp_bias": true}""",
        ["llama"] = """{"attention_bias": true, "mlp_bias": true}""",
        ["smollm3"] = """{"num_hidden_layers": 4}""",
        ["olmo3"] =
            """{"num_hidden_layers": 4, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}""",
        ["gpt_oss"] =
            """{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "truncate": false}}""",
        ["deepseek_v2"] =
            """{"num_key_value_heads": 4, "head_dim": 4, "q_lora_rank": null, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.707, "mscale_all_dim": 0.707}}""",
        ["deepseek_v3"] =
            """{"num_key_value_heads": 4, "head_dim": 4, "rms_norm_eps": 1e-5, "n_group": 2, "topk_group": 1, "routed_scaling_factor": 2.5}""",
        ["starcoder2"] = """{"sliding_window": null, "norm_epsilon": 1e-4}""",
        ["exaone4"] =
            """{"sliding_window": null, "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}""",
        ["kimi_k2"] =
            """{"num_key_value_heads": 4, "head_dim": 4, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 1.0, "beta_fast": 1.0, "beta_slow": 1.0}}""",
    };

    private static readonly Dictionary<string, string> ReadAs = new()
    {
        ["mistral"] = "llama",
        ["kimi_k2"] = "deepseek_v3",
        ["gemma3"] = "gemma3_text",
    };

    [Theory]
    [MemberData(nameof(Families))]
    public void Float32_changes_no_logit_and_no_key(string family)
    {
        HfConfig config = Small(family);
        using CausalLm model = Pretrained.New(config, _device, seed: 3);
        Vary(model);
        using CausalLm again = Through(model, GgufFileType.F32);
        float[] wanted = Logits(model),
            got = Logits(again);
        wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-6f * wanted.Max(Math.Abs), family);
        string readAs = ReadAs.GetValueOrDefault(family, family);
        again.Config.Text("model_type").ShouldBe(readAs);
        string[] known = [.. ConfigKeys.Common, .. ModelFamilies.Find(again.Config).Keys];
        config = ModelFamilies.Find(config).Gguf!.Text(config);
        foreach (
            string key in config.Keys.Where(key =>
                known.Contains(key) && again.Config.Has(key) && key is not ("model_type" or "rope_scaling")
            )
        )
        {
            Plain(again.Config, key).ShouldBe(Plain(config, key), $"{family}: {key}");
        }
        if (config.Object("rope_scaling") is { } rope)
        {
            foreach (string key in rope.Keys.Where(key => key != "type"))
            {
                Plain(again.Config.Object("rope_scaling")!, key).ShouldBe(Plain(rope, key), $"{family}: rope_scaling.{key}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Quantised_files_compute_nearly_the_same_widened_or_kept(string family)
    {
        using CausalLm model = Pretrained.New(Small(family, wide: true), _device, seed: 3);
        using CausalLm again = Through(model, GgufFileType.Q8_0),
            kept = Pretrained.Open(File(GgufFileType.Q8_0), _device, matrixType: null, trained: false);
        float[] wanted = Logits(model),
            widened = Logits(again),
            blocks = Logits(kept);
        float largest = wanted.Max(Math.Abs);
        // A router whose scores lie close may choose another expert, so the rows are compared by their middle.
        Middle(wanted, widened).ShouldBeInRange(1e-5f * largest, 4e-2f * largest, family);
        Middle(widened, blocks).ShouldBeLessThan(4e-2f * largest, family);
    }

    /// <summary>llama.cpp has windows in its 64 layers only.</summary>
    [Fact]
    public void Exaone_with_windows_comes_back_with_them()
    {
        using CausalLm model = Pretrained.New(Small("exaone4", """{"num_hidden_layers": 64, "sliding_window": 9}"""), _device, seed: 3);
        Vary(model);
        using CausalLm again = Through(model, GgufFileType.F32);
        float[] wanted = Logits(model);
        wanted.Zip(Logits(again), (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-6f * wanted.Max(Math.Abs));
        again.Config.Texts("layer_types").Count(type => type == "full_attention").ShouldBe(16);
        again.Config.Int("sliding_window").ShouldBe(9);
    }

    [GoldenTheory]
    [InlineData("deepseek_v2_lite")]
    [InlineData("deepseek_v3")]
    [InlineData("deepseek_v3_mtp")]
    [InlineData("deepseek_v3_no_qlora")]
    [InlineData("ernie4_5")]
    [InlineData("glm4")]
    [InlineData("granite")]
    [InlineData("kimi_k2")]
    [InlineData("mixtral")]
    [InlineData("mistral", "sliding_window")]
    [InlineData("olmo2")]
    [InlineData("olmo3")]
    [InlineData("phi3", "sliding_window")]
    [InlineData("phi3_longrope")]
    [InlineData("qwen2_moe")]
    [InlineData("smollm3")]
    [InlineData("deepseek_v2", "topk_method")]
    [InlineData("gemma2", "query_pre_attn_scalar")]
    [InlineData("gemma3", "query_pre_attn_scalar")]
    [InlineData("gpt_oss", "swiglu_limit")]
    [InlineData("gpt_oss_mxfp4", "swiglu_limit")]
    [InlineData("llama_dynamic_bias", "dynamic")]
    [InlineData("qwen2_window", "use_sliding_window")]
    [InlineData("nanochat", "nanochat")]
    [InlineData("qwen3_next", "qwen3_next")]
    public void Reference_models_come_back_or_are_refused_by_name(string name, string? refused = null)
    {
        using CausalLm model = Pretrained.Open(Goldens.Of("models/" + name), _device, trained: false);
        if (refused is not null)
        {
            Should.Throw<InvalidDataException>(() => Through(model, GgufFileType.F32)).Message.ShouldContain(refused);
            System.IO.File.Exists(File(GgufFileType.F32)).ShouldBeFalse();
            return;
        }
        using CausalLm again = Through(model, GgufFileType.F32);
        float[] wanted = Logits(model),
            got = Logits(again);
        wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-6f * wanted.Max(Math.Abs));
    }

    [Theory]
    [InlineData("smollm3", """{"no_rope_layers": [1, 0, 1, 0]}""", "no_rope_layers")]
    [InlineData("smollm3", """{"mlp_bias": true}""", "gate_proj.bias")]
    [InlineData("qwen2", """{"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "truncate": false}}""", "truncate")]
    [InlineData("qwen2", """{"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "mscale": 0.7}}""", "mscale")]
    [InlineData("smollm3", """{"no_rope_layer_interval": 2}""", "no_rope_layer_interval")]
    [InlineData("llama", """{"hidden_act": "gelu"}""", "hidden_act")]
    [InlineData("gemma2", """{"hidden_activation": "silu"}""", "hidden_activation")]
    [InlineData("gemma2", """{"final_logit_softcapping": null}""", "final_logit_softcapping")]
    [InlineData("gemma2", """{"tie_word_embeddings": false}""", "tie_word_embeddings")]
    [InlineData("gemma3_text", """{"rope_local_base_freq": 20000}""", "rope_local_base_freq")]
    [InlineData("gemma3_text", """{"sliding_window_pattern": 2}""", "sliding_window_pattern")]
    [InlineData("gpt_oss", """{"swiglu_limit": 5.0}""", "swiglu_limit")]
    [InlineData("gpt_oss", """{"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}""", "truncate")]
    [InlineData("qwen2_moe", """{"norm_topk_prob": true}""", "norm_topk_prob")]
    [InlineData("qwen2_moe", """{"mlp_only_layers": [0]}""", "mlp_only_layers")]
    [InlineData("qwen3_moe", """{"norm_topk_prob": false}""", "norm_topk_prob")]
    [InlineData("qwen3", """{"attention_bias": true}""", "q_proj.bias")]
    [InlineData("mistral", """{"sliding_window": 9}""", "sliding_window")]
    [InlineData("granite", """{"head_dim": 16}""", "head_dim")]
    [InlineData("deepseek_v3", """{"rope_interleave": false}""", "rope_interleave")]
    [InlineData(
        "deepseek_v2",
        """{"rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.707}}""",
        "mscale_all_dim"
    )]
    [InlineData("qwen2", """{"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}""", "dynamic")]
    [InlineData("qwen2", """{"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "attention_factor": 2.0}}""", "attention_factor")]
    [InlineData("ernie4_5", """{"use_bias": true}""", "use_bias")]
    [InlineData("exaone4", """{"sliding_window": 9}""", "sliding_window")]
    [InlineData("exaone4", """{"num_hidden_layers": 64}""", "sliding_window")]
    [InlineData("exaone4", """{"num_hidden_layers": 64, "sliding_window": 9, "sliding_window_pattern": 2}""", "sliding_window_pattern")]
    [InlineData("exaone4", """{"head_dim": 16}""", "head_dim")]
    [InlineData("starcoder2", """{"sliding_window": 9}""", "sliding_window")]
    [InlineData("starcoder2", """{"use_bias": false}""", "use_bias")]
    [InlineData("nanochat", "{}", "nanochat")]
    public void What_a_file_cannot_carry_is_refused_by_name(string family, string keys, string named)
    {
        using CausalLm model = Pretrained.New(Small(family, keys), _device, seed: 3);
        Should.Throw<InvalidDataException>(() => Through(model, GgufFileType.F32)).Message.ShouldContain(named);
        System.IO.File.Exists(File(GgufFileType.F32)).ShouldBeFalse();
    }

    /// <summary>llama.cpp does not read yarn's betas of these architectures (tried: logits differ by 2); the file has them, and whoever
    /// writes it is told.</summary>
    [Theory]
    [InlineData("kimi_k2", "beta_fast 32")]
    [InlineData("gpt_oss", "rounds")]
    [InlineData("qwen2", null)]
    public void What_llama_cpp_computes_otherwise_is_said(string family, string? said)
    {
        using CausalLm model = Pretrained.New(Small(family), _device, seed: 3);
        List<string> warnings = [];
        Pretrained.SaveGguf(model, File(GgufFileType.F32), GgufFileType.F32, warn: warnings.Add);
        warnings.Count.ShouldBe(said is null ? 0 : 1);
        warnings.ShouldAllBe(w => w.Contains(said!));
    }

    /// <summary>One block of MXFP4 by hand: exponent 128 doubles, the low halves are the first sixteen numbers.</summary>
    [Fact]
    public void Mxfp4_blocks_are_read()
    {
        byte[] block = new byte[17];
        (block[0], block[1], block[2], block[16]) = (128, 0x71, 0x9F, 0x80);
        float[] values = new float[32];
        BlockCodec.Decode(GgufType.MXFP4, block, values);
        (values[0], values[16], values[1], values[17], values[15], values[31]).ShouldBe((1f, 12f, -12f, -1f, 0f, -0f));
        values.Count(v => v != 0).ShouldBe(4);
    }

    private static object? Plain(HfConfig config, string key) =>
        config.Value(key) is System.Text.Json.JsonElement list
            ? list.GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace(".0", "", StringComparison.Ordinal)
            : config.Value(key);

    private static float Middle(float[] a, float[] b) =>
        a.Zip(b, (x, y) => Math.Abs(x - y)).Chunk(Vocabulary).Select(row => row.Max()).Order().ElementAt(a.Length / Vocabulary / 2);

    internal static HfConfig Small(string family, string? keys = null, bool wide = false)
    {
        JsonObject root = JsonNode.Parse(ConfigKeysTests.Small(family).ToJson())!.AsObject(),
            json = root["text_config"] as JsonObject ?? root;
        foreach (
            (string key, JsonNode? value) in JsonNode
                .Parse(Carried.GetValueOrDefault(family, "{}"))!
                .AsObject()
                .Concat(JsonNode.Parse(keys ?? "{}")!.AsObject())
        )
        {
            json[key] = value?.DeepClone();
        }
        if (wide)
        {
            (json["intermediate_size"], json["initializer_range"]) = (64, 0.1);
            foreach (
                string key in new[] { "moe_intermediate_size", "shared_expert_intermediate_size", "q_lora_rank", "kv_lora_rank" }.Where(
                    key => json[key] is not null
                )
            )
            {
                json[key] = 32;
            }
        }
        return HfConfig.Parse(root.ToJsonString());
    }

    /// <summary>Norms and biases begin as ones and zeros, which would hide a mistake.</summary>
    internal static void Vary(CausalLm model)
    {
        Random random = new(7);
        foreach (
            Parameter parameter in model.Parameters.Where(p =>
                p.Tensor.Shape.Rank == 1 || p.Name.EndsWith("bias", StringComparison.Ordinal)
            )
        )
        {
            foreach (ref float value in parameter.Tensor.Span)
            {
                value += (float)(random.NextDouble() - 0.5) * 0.4f;
            }
        }
    }

    private string File(GgufFileType type) => Path.Combine(_directory, $"{type}.gguf");

    private CausalLm Through(CausalLm model, GgufFileType type)
    {
        Pretrained.SaveGguf(model, File(type), type);
        return Pretrained.Open(File(type), _device, trained: false);
    }

    private float[] Logits(CausalLm model)
    {
        int[] ids = [.. Enumerable.Range(0, 33).Select(i => (i * 37 + 11) % Vocabulary)];
        using (_device.Step())
        {
            return model
                .Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
                .Span.ToArray();
        }
    }
}
