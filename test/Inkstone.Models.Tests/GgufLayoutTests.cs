using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Where llama.cpp looks for a model's numbers, element by element: a way there and back would not notice what is wrong both
/// ways.</summary>
public sealed class GgufLayoutTests : IDisposable
{
    private const int Heads = 4,
        KeyHeads = 2,
        HeadDim = 8,
        Width = 32,
        Inner = 48;

    private readonly Device _device = new(1);
    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("ink-gguf-").FullName, "m.gguf");

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    [Fact]
    public void Rows_of_q_and_k_are_interleaved_where_llama_cpp_turns_neighbours()
    {
        foreach (string family in (string[])["llama", "mistral", "mixtral", "smollm3", "granite"])
        {
            Check(
                family,
                "blk.1.attn_q.weight",
                "model.layers.1.self_attn.q_proj.weight",
                (row, column, _) => Interleaved(row) * Width + column,
                [Heads * HeadDim, Width]
            );
            Check(
                family,
                "blk.1.attn_k.weight",
                "model.layers.1.self_attn.k_proj.weight",
                (row, column, _) => Interleaved(row) * Width + column,
                [KeyHeads * HeadDim, Width]
            );
        }
        Check("llama", "blk.0.attn_k.bias", "model.layers.0.self_attn.k_proj.bias", (i, _, _) => Interleaved(i), [KeyHeads * HeadDim]);
        foreach (string family in (string[])["qwen2", "qwen3", "olmo2", "glm4", "ernie4_5", "gemma2", "gpt_oss", "exaone4", "starcoder2"])
        {
            Check(
                family,
                "blk.1.attn_q.weight",
                "model.layers.1.self_attn.q_proj.weight",
                (row, column, _) => row * Width + column,
                [Heads * HeadDim, Width]
            );
        }

        static long Interleaved(long row) => row / HeadDim * HeadDim + row % 2 * (HeadDim / 2) + row % HeadDim / 2;
    }

    [Theory]
    [InlineData("gemma2", "blk.1.ffn_norm.weight", "model.layers.1.pre_feedforward_layernorm.weight", 1)]
    [InlineData("gemma2", "blk.1.post_attention_norm.weight", "model.layers.1.post_attention_layernorm.weight", 1)]
    [InlineData("gemma2", "output_norm.weight", "model.norm.weight", 1)]
    [InlineData("gemma3_text", "blk.1.attn_q_norm.weight", "model.layers.1.self_attn.q_norm.weight", 1)]
    [InlineData("gemma3_text", "blk.1.post_ffw_norm.weight", "model.layers.1.post_feedforward_layernorm.weight", 1)]
    [InlineData("glm4", "blk.1.post_attention_norm.weight", "model.layers.1.post_self_attn_layernorm.weight", 0)]
    [InlineData("glm4", "blk.1.ffn_norm.weight", "model.layers.1.post_attention_layernorm.weight", 0)]
    [InlineData("glm4", "blk.1.post_ffw_norm.weight", "model.layers.1.post_mlp_layernorm.weight", 0)]
    [InlineData("gpt_oss", "blk.1.post_attention_norm.weight", "model.layers.1.post_attention_layernorm.weight", 0)]
    [InlineData("gpt_oss", "blk.1.attn_sinks.weight", "model.layers.1.self_attn.sinks", 0)]
    [InlineData("olmo2", "blk.1.post_attention_norm.weight", "model.layers.1.post_attention_layernorm.weight", 0)]
    [InlineData("olmo3", "blk.1.post_ffw_norm.weight", "model.layers.1.post_feedforward_layernorm.weight", 0)]
    [InlineData("olmo3", "blk.1.attn_q_norm.weight", "model.layers.1.self_attn.q_norm.weight", 0)]
    [InlineData("exaone4", "blk.1.post_attention_norm.weight", "model.layers.1.post_attention_layernorm.weight", 0)]
    [InlineData("exaone4", "blk.1.post_ffw_norm.weight", "model.layers.1.post_feedforward_layernorm.weight", 0)]
    [InlineData("exaone4", "blk.1.attn_k_norm.weight", "model.layers.1.self_attn.k_norm.weight", 0)]
    [InlineData("starcoder2", "blk.1.attn_norm.bias", "model.layers.1.input_layernorm.bias", 0)]
    [InlineData("starcoder2", "blk.1.ffn_down.bias", "model.layers.1.mlp.c_proj.bias", 0)]
    [InlineData("starcoder2", "output_norm.bias", "model.norm.bias", 0)]
    [InlineData("llama", "blk.1.ffn_norm.weight", "model.layers.1.post_attention_layernorm.weight", 0)]
    [InlineData("qwen2_moe", "blk.1.ffn_gate_inp_shexp.weight", "model.layers.1.mlp.shared_expert_gate.weight", 0)]
    [InlineData("deepseek_v3", "blk.1.exp_probs_b.bias", "model.layers.1.mlp.gate.e_score_correction_bias", 0)]
    public void Vectors_have_their_places(string family, string file, string parameter, float added) =>
        Check(family, file, parameter, (i, _, _) => i, null, added);

    [Fact]
    public void Experts_are_stacked()
    {
        const int Expert = 2;
        foreach (
            (string family, string path, int inner, string gate, string up, string down) in new[]
            {
                ("mixtral", "block_sparse_moe.experts", Inner, "w1", "w3", "w2"),
                ("qwen3_moe", "mlp.experts", 16, "gate_proj", "up_proj", "down_proj"),
                ("deepseek_v3", "mlp.experts", 16, "gate_proj", "up_proj", "down_proj"),
            }
        )
        {
            Check(
                family,
                "blk.1.ffn_gate_exps.weight",
                $"model.layers.1.{path}.{Expert}.{gate}.weight",
                (e, row, column) => e == Expert ? row * Width + column : -1,
                [4, inner, Width]
            );
            Check(
                family,
                "blk.1.ffn_up_exps.weight",
                $"model.layers.1.{path}.{Expert}.{up}.weight",
                (e, row, column) => e == Expert ? row * Width + column : -1,
                [4, inner, Width]
            );
            Check(
                family,
                "blk.1.ffn_down_exps.weight",
                $"model.layers.1.{path}.{Expert}.{down}.weight",
                (e, row, column) => e == Expert ? row * inner + column : -1,
                [4, Width, inner]
            );
        }
    }

    [Fact]
    public void Matrices_of_gpt_oss_are_transposed_and_gate_and_up_taken_apart()
    {
        const string Experts = "model.layers.1.mlp.experts.";
        Check(
            "gpt_oss",
            "blk.1.ffn_gate_exps.weight",
            Experts + "gate_up_proj",
            (e, row, column) => (e * Width + column) * 2 * Inner + 2 * row,
            [4, Inner, Width]
        );
        Check(
            "gpt_oss",
            "blk.1.ffn_up_exps.weight",
            Experts + "gate_up_proj",
            (e, row, column) => (e * Width + column) * 2 * Inner + 2 * row + 1,
            [4, Inner, Width]
        );
        Check("gpt_oss", "blk.1.ffn_up_exps.bias", Experts + "gate_up_proj_bias", (e, i, _) => e * 2 * Inner + 2 * i + 1, [4, Inner]);
        Check(
            "gpt_oss",
            "blk.1.ffn_down_exps.weight",
            Experts + "down_proj",
            (e, row, column) => (e * Inner + column) * Width + row,
            [4, Width, Inner]
        );
    }

    [Fact]
    public void Latents_are_cut_into_keys_and_values_and_scaled_for_their_norm()
    {
        const int Nope = 8,
            Value = 8,
            Rank = 8;
        Check(
            "deepseek_v3",
            "blk.0.attn_k_b.weight",
            "model.layers.0.self_attn.kv_b_proj.weight",
            (h, r, n) => (h * (Nope + Value) + n) * Rank + r,
            [Heads, Rank, Nope]
        );
        Check(
            "deepseek_v3",
            "blk.0.attn_v_b.weight",
            "model.layers.0.self_attn.kv_b_proj.weight",
            (h, v, r) => (h * (Nope + Value) + Nope + v) * Rank + r,
            [Heads, Value, Rank]
        );
        // rms_norm_eps is 1e-5 here, the norm of latents adds 1e-6.
        Check(
            "deepseek_v3",
            "blk.0.attn_kv_a_mqa.weight",
            "model.layers.0.self_attn.kv_a_proj_with_mqa.weight",
            (row, column, _) => row * Width + column,
            [Rank + 4, Width],
            factor: row => row < Rank ? MathF.Sqrt(10) : 1
        );
        Check(
            "deepseek_v2",
            "blk.0.attn_q.weight",
            "model.layers.0.self_attn.q_proj.weight",
            (row, column, _) => row * Width + column,
            [Heads * (Nope + 4), Width]
        );
    }

    /// <summary>Compares a tensor of the file with elements of a parameter: <paramref name="place"/> gives the element for indices in the
    /// file; −1: another parameter's.</summary>
    private void Check(
        string family,
        string file,
        string parameter,
        Func<long, long, long, long> place,
        long[]? shape,
        float added = 0,
        Func<long, float>? factor = null
    )
    {
        using CausalLm model = Pretrained.New(GgufFamiliesTests.Small(family), _device, seed: 3);
        GgufFamiliesTests.Vary(model);
        Pretrained.SaveGguf(model, _file, GgufFileType.F32);
        using GgufFile written = GgufFile.Open(_file);
        GgufTensor tensor = written.Tensor(file);
        if (shape is not null)
        {
            tensor.Shape.ShouldBe(shape, file);
        }
        float[] values = new float[tensor.Count];
        written.Read(file, values);
        ReadOnlySpan<float> wanted = model.Parameters[parameter].Span;
        long[] sizes = [.. tensor.Shape, 1, 1];
        for (long i = 0; i < values.Length; i++)
        {
            long a = i / (sizes[1] * sizes[2]),
                b = i / sizes[2] % sizes[1],
                at = place(a, b, i % sizes[2]);
            if (at >= 0)
            {
                values[i]
                    .ShouldBe(wanted[(int)at] * (factor?.Invoke(a) ?? 1) + added, 1e-6f, $"{family} {file} [{a}, {b}, {i % sizes[2]}]");
            }
        }
    }
}
