using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Tensors;

namespace Inkstone.Models.KimiLinear;

/// <summary>config.json of <c>model_type: kimi_linear</c>, as published or as transformers writes it. Linear: per layer whether it is KDA;
/// Sparse: whether it has experts.</summary>
/// <param name="Mla">sizes of latent attention and experts</param>
/// <param name="Delta">sizes of KDA</param>
/// <param name="Linear">per layer</param>
/// <param name="Sparse">per layer</param>
/// <param name="BiasRate"><c>router_bias_update_rate</c>, a key of our own: step of the correction bias after each optimizer step</param>
internal sealed record KimiLinearConfig(DeepseekV3Config Mla, ChannelDeltaSpec Delta, bool[] Linear, bool[] Sparse, double BiasRate)
{
    private const string Kda = "linear_attention",
        Full = "full_attention";

    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Linear.Length;

    /// <summary>Reads and checks.</summary>
    public static KimiLinearConfig From(HfConfig c)
    {
        int layers = c.Int("num_hidden_layers"),
            heads = c.Int("num_attention_heads");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("num_attention_heads", heads));
        HfConfig? published = c.Object("linear_attn_config");
        ChannelDeltaSpec delta = new(
            published?.Int("num_heads") ?? c.Int("linear_num_heads", heads),
            published?.Int("head_dim") ?? c.Int("linear_head_dim", 128),
            published?.Int("short_conv_kernel_size", 4) ?? c.Int("linear_conv_kernel_dim", 4)
        );
        RoutingRule rule = new(
            c.Int("num_experts_per_token", c.Int("num_experts_per_tok", 8)),
            c.Int("num_expert_group", 1),
            c.Int("topk_group", 1),
            c.Bool("moe_renormalize", true),
            (float)c.Number("routed_scaling_factor", 1)
        );
        int nope = c.Int("qk_nope_head_dim", 128),
            rope = c.Int("qk_rope_head_dim", 64),
            firstDense = c.Int("first_k_dense_replace", 1);
        DeepseekV3Config mla = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            layers,
            heads,
            c.Has("q_lora_rank") ? c.Int("q_lora_rank") : null,
            c.Int("kv_lora_rank", 512),
            nope,
            rope,
            c.Int("v_head_dim", 128),
            RopeInterleave: false,
            1 / MathF.Sqrt(nope + rope),
            (float)c.Number("rms_norm_eps", 1e-5),
            AttentionBias: false,
            TieWordEmbeddings: false,
            firstDense,
            c.Int("num_experts", c.Int("num_local_experts", 256)),
            c.Int("num_shared_experts", 1),
            c.Int("moe_intermediate_size"),
            RouterScoring.Sigmoid,
            CorrectionBias: true,
            rule,
            0,
            false,
            new DeepseekV3Objective(0, 0, 0)
        );
        KimiLinearConfig config = new(
            mla,
            delta,
            LinearLayers(c, published, layers),
            SparseLayers(c, layers, firstDense),
            c.Number("router_bias_update_rate", 0.001)
        );
        config.Validate(c);
        return config;
    }

    private void Validate(HfConfig c)
    {
        ConfigCheck.Positive(
            c,
            ("vocab_size", Mla.VocabSize),
            ("hidden_size", Mla.HiddenSize),
            ("intermediate_size", Mla.IntermediateSize),
            ("kv_lora_rank", Mla.KvLoraRank),
            ("qk_nope_head_dim", Mla.QkNopeHeadDim),
            ("qk_rope_head_dim", Mla.QkRopeHeadDim),
            ("v_head_dim", Mla.VHeadDim),
            ("num_experts", Mla.NRoutedExperts),
            ("q_lora_rank", Mla.QLoraRank ?? 1),
            ("moe_intermediate_size", Mla.MoeIntermediateSize),
            ("num_experts_per_token", Mla.Routing.TopK),
            ("num_expert_group", Mla.Routing.Groups),
            ("topk_group", Mla.Routing.TopKGroups),
            ("linear_num_heads", Delta.Heads),
            ("linear_head_dim", Delta.HeadDim),
            ("linear_conv_kernel_dim", Delta.Kernel - 1)
        );
        ConfigCheck.RequireMultiple(c, "num_experts", Mla.NRoutedExperts, "num_expert_group", Mla.Routing.Groups);
        ConfigCheck.AtMost(c, "topk_group", Mla.Routing.TopKGroups, "num_expert_group", Mla.Routing.Groups);
        ConfigCheck.AtMost(
            c,
            "num_experts_per_token",
            Mla.Routing.TopK,
            "the experts of topk_group groups",
            Mla.NRoutedExperts / Mla.Routing.Groups * Mla.Routing.TopKGroups
        );
        ConfigCheck.Silu(c);
        if (c.Text("moe_router_activation_func", "sigmoid") is not "sigmoid" and var scoring)
        {
            throw new InvalidDataException($"{c.Source}: moe_router_activation_func \"{scoring}\" is not known here; known is sigmoid.");
        }
        if (!c.Bool("mla_use_nope", true))
        {
            throw new InvalidDataException($"{c.Source}: mla_use_nope false, latent attention with rotated positions, is not built here.");
        }
    }

    /// <summary>layer_types, or the published lists, which count from 1, or all but every fourth from layer 4 on.</summary>
    private static bool[] LinearLayers(HfConfig c, HfConfig? published, int layers)
    {
        string[] types = SlidingWindow.LayerTypes(c, layers, Kda, Full);
        int[] full = published?.Ints("full_attn_layers") ?? [],
            kda = published?.Ints("kda_layers") ?? [];
        if (types.Length == 0 && published is not null && !full.Concat(kda).Order().SequenceEqual(Enumerable.Range(1, layers)))
        {
            throw new InvalidDataException(
                $"{published.Source}: full_attn_layers and kda_layers must name each of the layers 1 to {layers} once."
            );
        }
        return
        [
            .. Enumerable
                .Range(0, layers)
                .Select(i =>
                    types.Length > 0 ? types[i] == Kda
                    : published is not null ? kda.Contains(i + 1)
                    : i == 0 || i % 4 != 0
                ),
        ];
    }

    private static bool[] SparseLayers(HfConfig c, int layers, int firstDense)
    {
        string[] types = c.Texts("mlp_layer_types");
        int frequency = c.Int("moe_layer_freq", 1);
        ConfigCheck.Positive(c, ("moe_layer_freq", frequency));
        return types.Length == 0 ? [.. Enumerable.Range(0, layers).Select(i => i >= firstDense && i % frequency == 0)]
            : types.Length == layers && types.All(type => type is "dense" or "sparse") ? [.. types.Select(type => type == "sparse")]
            : throw new InvalidDataException($"{c.Source}: mlp_layer_types must name dense or sparse for each of {layers} layers.");
    }
}
