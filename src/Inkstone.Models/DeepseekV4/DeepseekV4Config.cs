using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>What a layer's attention sees beside its window.</summary>
internal enum LayerKind
{
    /// <summary>Nothing.</summary>
    Sliding,

    /// <summary>Those of many entries that an indexer chooses.</summary>
    Sparse,

    /// <summary>All of a few entries.</summary>
    Heavy,
}

/// <summary>config.json of <c>model_type: deepseek_v4</c>, as published or as transformers writes it, with the defaults that transformers
/// has. Kinds, Hashed: per layer.</summary>
internal sealed record DeepseekV4Config(
    int VocabSize,
    int HiddenSize,
    int Heads,
    int HeadDim,
    int QLoraRank,
    int OGroups,
    int OLoraRank,
    int SlidingWindow,
    LayerKind[] Kinds,
    bool[] Hashed,
    int SparseRate,
    int HeavyRate,
    IndexerSpec Index,
    StreamRule Streams,
    int Experts,
    int ExpertSize,
    RouterScoring Scoring,
    RoutingRule Routing,
    float SwigluLimit,
    float RmsNormEps,
    bool TieWordEmbeddings,
    double? RouterAuxLoss,
    int Predicted,
    DeepseekV3Objective Objective
)
{
    private const string Sliding = "sliding_attention",
        Compressed = "compressed_sparse_attention",
        Heavily = "heavily_compressed_attention",
        Hash = "hash_moe",
        Moe = "moe";
    private const int MostRate = 1 << 16;

    /// <summary>Positions of layers that see their window alone.</summary>
    public required RotaryTable Main { get; init; }

    /// <summary>Positions of the others, of their entries and of their indexers.</summary>
    public required RotaryTable Compress { get; init; }

    /// <summary>Tokens of an entry of a kind of layer; 0: there are none.</summary>
    public int RateOf(LayerKind kind) =>
        kind switch
        {
            LayerKind.Sparse => SparseRate,
            LayerKind.Heavy => HeavyRate,
            _ => 0,
        };

    /// <summary>Reads and checks.</summary>
    public static DeepseekV4Config From(HfConfig c)
    {
        int layers = c.Int("num_hidden_layers"),
            headDim = c.Int("head_dim", 512);
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("head_dim", headDim));
        HfConfig? rates = c.Object("compress_rates");
        float eps = (float)c.Number("rms_norm_eps", 1e-6);
        DeepseekV4Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("num_attention_heads"),
            headDim,
            c.Int("q_lora_rank", 1024),
            c.Int("o_groups", 8),
            c.Int("o_lora_rank", 1024),
            c.Int("sliding_window", 128),
            LayerKinds(c, layers),
            HashedLayers(c, layers),
            c.Int("compress_rate_csa", rates?.Int(Compressed, 4) ?? 4),
            c.Int("compress_rate_hca", rates?.Int(Heavily, 128) ?? 128),
            new IndexerSpec(c.Int("index_n_heads", 64), c.Int("index_head_dim", 128), c.Int("index_topk", 512)),
            new StreamRule(c.Int("hc_mult", 4), c.Int("hc_sinkhorn_iters", 20), (float)c.Number("hc_eps", 1e-6), eps),
            Either(c, "n_routed_experts", "num_local_experts", 256),
            Either(c, "moe_intermediate_size", "intermediate_size", 2048),
            ScoringOf(c),
            new RoutingRule(c.Int("num_experts_per_tok", 6), Scale: (float)c.Number("routed_scaling_factor", 1.5)),
            (float)c.Number("swiglu_limit", 10),
            eps,
            c.Bool("tie_word_embeddings", false),
            ExpertConfig.AuxLoss(c),
            c.Int("num_nextn_predict_layers", 0),
            new DeepseekV3Objective(0, c.Number("mtp_loss_weight", 0.3), c.Number("router_bias_update_rate", 0.001))
        )
        {
            Main = Table(c, headDim, "main", "rope_theta", 10_000),
            Compress = Table(c, headDim, "compress", "compress_rope_theta", 160_000),
        };
        config.Validate(c);
        return config;
    }

    private void Validate(HfConfig c)
    {
        ConfigCheck.Positive(
            c,
            ("vocab_size", VocabSize),
            ("hidden_size", HiddenSize),
            ("num_attention_heads", Heads),
            ("q_lora_rank", QLoraRank),
            ("o_groups", OGroups),
            ("o_lora_rank", OLoraRank),
            ("sliding_window", SlidingWindow),
            ("compress_rate_csa", SparseRate),
            ("compress_rate_hca", HeavyRate),
            ("index_n_heads", Index.Heads),
            ("index_head_dim", Index.HeadDim),
            ("index_topk", Index.TopK),
            ("hc_mult", Streams.Streams),
            ("hc_sinkhorn_iters", Streams.Iterations),
            ("n_routed_experts", Experts),
            ("moe_intermediate_size", ExpertSize),
            ("num_experts_per_tok", Routing.TopK)
        );
        ConfigCheck.AtMost(c, "num_experts_per_tok", Routing.TopK, "n_routed_experts", Experts);
        ConfigCheck.AtMost(c, "compress_rate_csa", SparseRate, "the most that is built,", MostRate);
        ConfigCheck.AtMost(c, "compress_rate_hca", HeavyRate, "the most that is built,", MostRate);
        ConfigCheck.RequireMultiple(c, "num_attention_heads times head_dim", checked(Heads * HeadDim), "o_groups", OGroups);
        ConfigCheck.Above0(c, "swiglu_limit");
        ConfigCheck.Above0(c, "hc_eps", orZero: true);
        ConfigCheck.Silu(c);
        if (Kinds.Contains(LayerKind.Sparse))
        {
            ConfigCheck.AtMost(c, "the rotated dimensions of a head,", Compress.RotaryDim, "index_head_dim", Index.HeadDim);
        }
    }

    /// <summary>transformers has two names for some sizes; where both are there they must agree.</summary>
    private static int Either(HfConfig c, string key, string other, int absent) =>
        c.Has(key) && c.Has(other) && c.Int(key) != c.Int(other)
            ? throw new InvalidDataException(
                $"{c.Source}: {key} {c.Int(key)} and {other} {c.Int(other)} are names of one size; remove one of them."
            )
            : c.Int(key, c.Int(other, absent));

    private static RouterScoring ScoringOf(HfConfig c) =>
        c.Text("scoring_func", "sqrtsoftplus") switch
        {
            "sqrtsoftplus" => RouterScoring.SqrtSoftplus,
            "sigmoid" => RouterScoring.Sigmoid,
            "softmax" => RouterScoring.Softmax,
            string other => throw new InvalidDataException(
                $"{c.Source}: scoring_func \"{other}\" is not known here; known are sqrtsoftplus, sigmoid and softmax."
            ),
        };

    /// <summary>layer_types, or the published compress_ratios, which go on with the prediction module, or two heavy layers and then heavy
    /// and sparse ones in turns.</summary>
    private static LayerKind[] LayerKinds(HfConfig c, int layers)
    {
        string[] types = TypesOf(c, "layer_types", layers, Sliding, Compressed, Heavily);
        int[] ratios = c.Ints("compress_ratios");
        if (types.Length > 0)
        {
            return
            [
                .. types.Select(type =>
                    type == Sliding ? LayerKind.Sliding
                    : type == Compressed ? LayerKind.Sparse
                    : LayerKind.Heavy
                ),
            ];
        }
        if (ratios.Length > 0 && (ratios.Length < layers || ratios.Any(ratio => ratio is not (0 or 4 or 128))))
        {
            throw new InvalidDataException(
                $"{c.Source}: compress_ratios must name 0, 4 or 128 for each of {layers} layers; other rates are written as compress_rates with layer_types."
            );
        }
        return
        [
            .. Enumerable
                .Range(0, layers)
                .Select(i =>
                    ratios.Length > 0
                        ? ratios[i] switch
                        {
                            0 => LayerKind.Sliding,
                            4 => LayerKind.Sparse,
                            _ => LayerKind.Heavy,
                        }
                    : i >= 2 && i % 2 == 1 ? LayerKind.Sparse
                    : LayerKind.Heavy
                ),
        ];
    }

    private static bool[] HashedLayers(HfConfig c, int layers)
    {
        string[] types = TypesOf(c, "mlp_layer_types", layers, Hash, Moe);
        int hashed = c.Int("num_hash_layers", 3);
        return [.. Enumerable.Range(0, layers).Select(i => types.Length > 0 ? types[i] == Hash : i < hashed)];
    }

    private static string[] TypesOf(HfConfig c, string key, int layers, params string[] known)
    {
        string[] types = c.Texts(key);
        return types.Length == 0 || (types.Length >= layers && types.All(known.Contains))
            ? types
            : throw new InvalidDataException($"{c.Source}: {key} must name {string.Join(" or ", known)} for each of {layers} layers.");
    }

    /// <summary>
    /// rope_parameters by kind (transformers 5), or one base for each kind and a scaling that the second alone has; with yarn it does not
    /// change the size of what it turns, unless attention_factor says so.
    /// </summary>
    private static RotaryTable Table(HfConfig c, int headDim, string kind, string thetaKey, double theta)
    {
        const string share = "partial_rotary_factor";
        HfConfig? all = c.Object("rope_parameters"),
            own = all?.Object(kind),
            scaling = own ?? (kind == "main" || all?.Object("main") is not null ? null : all ?? c.Object("rope_scaling"));
        double part =
            own is not null && own.Has(share) ? own.Number(share)
            : c.Has(share) ? c.Number(share)
            : c.Has("qk_rope_head_dim") ? (double)c.Int("qk_rope_head_dim") / headDim
            : all is not null && all.Has(share) ? all.Number(share)
            : 64.0 / 512;
        int rotated = (int)(headDim * part);
        if (rotated < 2 || rotated > headDim || rotated % 2 != 0)
        {
            throw new InvalidDataException(
                $"{c.Source}: {rotated} of {headDim} dimensions of a head would be rotated, by {share} or qk_rope_head_dim; it must be an even number of them."
            );
        }
        ConfigCheck.Above0(c, thetaKey);
        string type = scaling is null ? "default" : scaling.Text("rope_type", scaling.Text("type", "default"));
        if (type is "dynamic" or "longrope" or "su")
        {
            throw new InvalidDataException(
                $"{scaling!.Source}: rope_type \"{type}\" follows the length of a text, whose entries are turned once and for all; take yarn, linear or llama3."
            );
        }
        scaling =
            own is null && type == "yarn" && !scaling!.Has("attention_factor")
                ? scaling.WithDefaults("{\"attention_factor\": 1}")
                : scaling;
        return Rotary.Table(
            c,
            scaling,
            rotated,
            own is not null && own.Has("rope_theta") ? own.Number("rope_theta") : c.Number(thetaKey, theta)
        );
    }
}
