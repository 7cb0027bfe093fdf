using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.GptOss;

/// <summary>config.json of <c>model_type: gpt_oss</c>, with the defaults that transformers has. Attention: per layer.</summary>
internal sealed record GptOssConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec[] Attention,
    float RmsNormEps,
    int NumLocalExperts,
    int NumExpertsPerTok,
    float SwigluLimit,
    float SwigluAlpha,
    bool TieWordEmbeddings,
    double? RouterAuxLoss
)
{
    /// <summary>Reads and checks.</summary>
    public static GptOssConfig From(HfConfig c)
    {
        int layers = c.Int("num_hidden_layers"),
            window = c.Int("sliding_window", 128);
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("sliding_window", window));
        if (c.Object("quantization_config") is { } q && q.Text("quant_method", "") is not "mxfp4" and var method)
        {
            throw new InvalidDataException($"{c.Source}: weights of quant_method \"{method}\" are not read here; known is mxfp4.");
        }
        AttentionSpec whole = ConfigCheck.Attention(c, absentKeyValueHeads: 8, absentHeadDim: 64);
        string[] types = SlidingWindow.LayerTypes(c, layers, "sliding_attention", "full_attention");
        GptOssConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            [
                .. Enumerable
                    .Range(0, layers)
                    .Select(i =>
                        (types.Length > 0 ? types[i] == "sliding_attention" : i % 2 == 0) ? whole with { Window = window } : whole
                    ),
            ],
            (float)c.Number("rms_norm_eps", 1e-5),
            ExpertConfig.Experts(c, 128),
            c.Int("num_experts_per_tok", c.Int("experts_per_token", 4)),
            (float)c.Number("swiglu_limit", 7),
            (float)c.Number("swiglu_alpha", 1.702),
            c.Bool("tie_word_embeddings", false),
            ExpertConfig.AuxLoss(c, 0.9)
        );
        ConfigCheck.Positive(
            c,
            ("vocab_size", config.VocabSize),
            ("intermediate_size", config.IntermediateSize),
            ("num_local_experts", config.NumLocalExperts),
            ("num_experts_per_tok", config.NumExpertsPerTok)
        );
        ConfigCheck.AtMost(c, "num_experts_per_tok", config.NumExpertsPerTok, "num_local_experts", config.NumLocalExperts);
        return config;
    }
}

/// <summary>gpt-oss (arXiv:2508.10925): sinks in the softmax of attention, every second layer a window, clamped experts with
/// biases.</summary>
internal static class GptOssFamily
{
    /// <summary><c>gpt_oss</c>.</summary>
    public static ModelFamily GptOss { get; } =
        new(
            "gpt_oss",
            Build,
            [
                "sliding_window",
                "layer_types",
                "num_experts_per_tok",
                "experts_per_token",
                "swiglu_limit",
                "swiglu_alpha",
                "num_local_experts",
                "num_experts",
                "output_router_logits",
                "router_aux_loss_coef",
                "quantization_config",
            ]
        )
        {
            Harmless = ["attention_bias"],
            Gguf = GptOssGguf.Architecture,
        };

    private static DecoderModel<GptOssBlock> Build(HfConfig config, Scope root)
    {
        GptOssConfig c = GptOssConfig.From(config);
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim, absentTheta: 150_000);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.Attention.Length, c.TieWordEmbeddings) { RouterAuxLoss = c.RouterAuxLoss },
            (layer, s) => new GptOssBlock(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
