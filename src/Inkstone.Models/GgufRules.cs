using System.Text.Json.Nodes;
using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models;

/// <summary>What GGUF files of several families have alike: names of tensors, and checks.</summary>
internal static class GgufRules
{
    /// <summary>Norms before both branches.</summary>
    public static GgufTensorRule[] Norms(GgufLayout? layout = null) =>
        [Weight("attn_norm", "input_layernorm", layout), Weight("ffn_norm", "post_attention_layernorm", layout)];

    /// <summary>The four matrices of attention.</summary>
    /// <param name="interleaved">whether rows of q and k are permuted, as for architectures whose rotary pairs lie side by side in
    /// llama.cpp alone</param>
    /// <param name="absentKeyValueHeads">num_key_value_heads where config.json lacks it; null: as many as heads</param>
    public static GgufTensorRule[] Attention(bool interleaved = false, int? absentKeyValueHeads = null) =>
        [
            Weight("attn_q", "self_attn.q_proj", interleaved ? Queries : null),
            Weight("attn_k", "self_attn.k_proj", interleaved ? Keys(absentKeyValueHeads) : null),
            Weight("attn_v", "self_attn.v_proj"),
            Output,
        ];

    /// <summary>Biases of q, k and v.</summary>
    public static GgufTensorRule[] QkvBiases(bool interleaved = false, int? absentKeyValueHeads = null) =>
        [
            Bias("attn_q", "self_attn.q_proj", interleaved ? Queries : null),
            Bias("attn_k", "self_attn.k_proj", interleaved ? Keys(absentKeyValueHeads) : null),
            Bias("attn_v", "self_attn.v_proj"),
        ];

    /// <summary>The way out of attention.</summary>
    public static GgufTensorRule Output { get; } = Weight("attn_output", "self_attn.o_proj");

    /// <summary>Its bias.</summary>
    public static GgufTensorRule OutputBias { get; } = Bias("attn_output", "self_attn.o_proj");

    /// <summary>Norms of q and k.</summary>
    public static GgufTensorRule[] HeadNorms(GgufLayout? layout = null) =>
        [Weight("attn_q_norm", "self_attn.q_norm", layout), Weight("attn_k_norm", "self_attn.k_norm", layout)];

    /// <summary>A dense feed-forward layer.</summary>
    public static GgufTensorRule[] Dense { get; } =
    [Weight("ffn_gate", "mlp.gate_proj"), Weight("ffn_up", "mlp.up_proj"), Weight("ffn_down", "mlp.down_proj")];

    /// <summary>Its biases.</summary>
    public static GgufTensorRule[] DenseBiases { get; } =
    [Bias("ffn_gate", "mlp.gate_proj"), Bias("ffn_up", "mlp.up_proj"), Bias("ffn_down", "mlp.down_proj")];

    /// <summary>A dense layer whose gate and up are one matrix, gate first; files keep it so.</summary>
    public static GgufTensorRule[] FusedDense { get; } = [Weight("ffn_up", "mlp.gate_up_proj"), Weight("ffn_down", "mlp.down_proj")];

    /// <summary>Router and experts, each a parameter of its own, or stacked as transformers 5 may write them: gate above up.</summary>
    public static GgufTensorRule[] Experts { get; } =
    [
        Weight("ffn_gate_inp", "mlp.gate"),
        Weight("ffn_gate_exps", "mlp.experts.*.gate_proj"),
        Weight("ffn_up_exps", "mlp.experts.*.up_proj"),
        Weight("ffn_down_exps", "mlp.experts.*.down_proj"),
        InLayer("ffn_gate_exps.weight", "mlp.experts.gate_up_proj", Half(0)),
        InLayer("ffn_up_exps.weight", "mlp.experts.gate_up_proj", Half(1)),
        InLayer("ffn_down_exps.weight", "mlp.experts.down_proj"),
    ];

    /// <summary>An expert that every token uses.</summary>
    /// <param name="path">where it lies</param>
    public static GgufTensorRule[] SharedExpert(string path) =>
        [
            Weight("ffn_gate_shexp", $"{path}.gate_proj"),
            Weight("ffn_up_shexp", $"{path}.up_proj"),
            Weight("ffn_down_shexp", $"{path}.down_proj"),
        ];

    /// <summary>llama.cpp has experts in all layers.</summary>
    public static void AllSparse(GgufArchitecture a, HfConfig c)
    {
        a.Assume(c, "decoder_sparse_step", c.Int("decoder_sparse_step", 1) == 1, "experts in every layer");
        a.Assume(c, "mlp_only_layers", c.Ints("mlp_only_layers").Length == 0, "experts in every layer");
    }

    /// <summary>llama.cpp has no window for it: one as long as the longest text is none.</summary>
    public static void NoWindow(GgufArchitecture a, HfConfig c, int? window) =>
        a.Assume(
            c,
            "sliding_window",
            window is null || window >= c.Int("max_position_embeddings", 2048),
            "no sliding window; set it to null, and max_position_embeddings to at most the window"
        );

    /// <summary>The same of Qwen's keys.</summary>
    public static void NoQwenWindow(GgufArchitecture a, HfConfig c) =>
        a.Assume(
            c,
            "use_sliding_window",
            !c.Bool("use_sliding_window", false)
                || !c.Has("sliding_window")
                || c.Int("sliding_window") >= c.Int("max_position_embeddings", 2048),
            "no sliding window; set it to false"
        );

    /// <summary>Hidden size and heads give the size of a head, whatever head_dim says.</summary>
    public static void OwnHeadDim(GgufArchitecture a, HfConfig c) =>
        a.Assume(
            c,
            "head_dim",
            a.HeadDim(c) * c.Int("num_attention_heads") == c.Int("hidden_size"),
            "heads of hidden_size / num_attention_heads"
        );

    /// <summary>Which layers slide.</summary>
    public static void Slides(GgufArchitecture a, HfConfig c, Func<int, bool> assumed, Func<int, bool> absent, string words)
    {
        string[] types = c.Texts("layer_types");
        a.Assume(
            c,
            types.Length > 0 ? "layer_types" : "sliding_window_pattern",
            Enumerable
                .Range(0, c.Int("num_hidden_layers"))
                .All(i => (types.Length > 0 ? types[i] == "sliding_attention" : absent(i)) == assumed(i)),
            words
        );
    }

    /// <summary>Whether q has a bias.</summary>
    public static bool HasQueryBias(GgufFile file) => file.Contains("blk.0.attn_q.bias");

    /// <summary>attention_bias and mlp_bias, by what the file has.</summary>
    public static void ReadBiases(GgufFile file, JsonObject json) =>
        (json["attention_bias"], json["mlp_bias"]) = (HasQueryBias(file), file.Contains("blk.0.ffn_up.bias"));

    private static GgufLayout Queries { get; } = GgufLayout.Interleaved(c => c.Int("num_attention_heads"));

    private static GgufLayout Keys(int? absent) =>
        GgufLayout.Interleaved(c =>
            c.Int(
                "num_key_value_heads",
                c.Keys.Contains("num_key_value_heads") || absent is null ? c.Int("num_attention_heads") : absent.Value
            )
        );

    /// <summary>[experts, 2 · inner, hidden]: the first or second half of the rows of each expert.</summary>
    private static GgufLayout Half(int half) =>
        new(
            (_, shape, _) =>
            {
                long inner = shape[1] / 2,
                    width = shape[2];
                long[] part = [shape[0], inner, width];
                return new GgufView(part, part, [2 * inner * width, width, 1], half * inner * width);
            },
            (_, shape) => [shape[0], 2 * shape[1], shape[2]]
        );
}
