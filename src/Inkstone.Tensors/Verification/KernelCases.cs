using static Inkstone.Tensors.KernelInputs;

namespace Inkstone.Tensors;

/// <summary>An op to be computed on two devices.</summary>
/// <param name="Op">its method in <see cref="Ops"/></param>
/// <param name="Name">what reports call it</param>
/// <param name="Run">its result</param>
/// <param name="Recorded">whether it has a backward pass</param>
internal sealed record KernelCase(string Op, string Name, Func<KernelInputs, Tensor> Run, bool Recorded = true);

/// <summary>At least one case of every op.</summary>
internal static class KernelCases
{
    private static readonly ColumnRuns SomeColumns = new((5, 30), (70, 21)),
        DecayColumns = new((0, 2)),
        BetaColumns = new((2, 2)),
        GateColumn = new((0, 1));

    public static IReadOnlyList<KernelCase> All { get; } =
    [
        .. Elementwise(),
        .. Attention(),
        .. Products(),
        .. Columns(),
        .. Experts(),
        .. Caches(),
        .. InPlace(),
        new(nameof(Ops.RmsNorm), "rms_norm", t => Ops.RmsNorm(t.X, t.Bias, 1e-5f)),
        new(nameof(Ops.RmsNorm), "rms_norm_zero_centred", t => Ops.RmsNorm(t.X, t.Bias, 1e-5f, zeroCentred: true)),
        new(nameof(Ops.RmsNorm), "rms_norm_of_parts", t => Ops.RmsNorm(t.X, t.Bias, 1e-5f, zeroCentred: true, groups: Heads)),
        new(nameof(Ops.RmsNormGated), "rms_norm_gated", t => Ops.RmsNormGated(t.X, t.Y, t.Gains, 1e-5f)),
        new(nameof(Ops.Softmax), "softmax", t => Ops.Softmax(t.X)),
        new(nameof(Ops.Sum), "sum", t => Ops.Sum(t.Scores)),
        new(nameof(Ops.Mean), "mean", t => Ops.Mean(t.Scores)),
        new(nameof(Ops.SumLast), "sum_last", t => Ops.SumLast(t.X)),
        new(nameof(Ops.Embedding), "embedding", t => Ops.Embedding(t.Table, t.Ids)),
        new(nameof(Ops.Embedding), "embedding_of_parts", t => Ops.Embedding(t.ExpertWeights, Small(t.Ids))),
        new(nameof(Ops.LinearCrossEntropy), "linear_cross_entropy", t => Ops.LinearCrossEntropy(t.X, t.Table, t.Ids, Batch * Length)),
        new(nameof(Ops.LogProbs), "log_probs", t => Ops.LogProbs(t.X, t.Table, t.Ids)),
        new(
            nameof(Ops.LabelLoss),
            "label_loss",
            t =>
                Ops.LabelLoss(
                    t.X.View(new Shape(Batch * Length, Width)),
                    t.Table,
                    t.Ids,
                    new LabelStatistics(),
                    LogProbsLessEntropies,
                    temperature: 1.25f
                )
        ),
        new(
            nameof(Ops.LogitDivergence),
            "logit_divergence",
            t =>
                Ops.LogitDivergence(
                    t.X.View(new Shape(Batch * Length, Width)),
                    t.Table,
                    t.Y.View(new Shape(Batch * Length, Width)),
                    t.Table,
                    0.4f,
                    6f,
                    Batch * Length,
                    out _
                )
        ),
        new(nameof(Ops.GatherRows), "gather_rows", t => Ops.GatherRows(t.X, t.Starts)),
        new(nameof(Ops.KnownLoss), "known_loss", t => Ops.KnownLoss(t.Bias, 2.5, [.. Enumerable.Range(0, Width).Select(i => 0.1 * i)])),
        new(nameof(Ops.Recompute), "recompute", t => Ops.Recompute(new Block(), t.X, (t.Bias, t.Y))),
    ];

    /// <summary>The mean of log p − H / 10.</summary>
    private static double LogProbsLessEntropies(LabelStatistics s)
    {
        s.LogProbGradients.Fill(1.0 / s.Count);
        s.EntropyGradients.Fill(-0.1 / s.Count);
        double sum = 0;
        for (int i = 0; i < s.Count; i++)
        {
            sum += s.LogProbs[i] - 0.1 * s.Entropies[i];
        }
        return sum / s.Count;
    }

    private static IEnumerable<KernelCase> Elementwise() =>
        [
            new(nameof(Ops.Add), "add", t => Ops.Add(t.X, t.Y)),
            new(nameof(Ops.Multiply), "multiply", t => Ops.Multiply(t.X, t.Y)),
            new(nameof(Ops.Scale), "scale", t => Ops.Scale(t.X, 0.7f)),
            new(nameof(Ops.Exp), "exp", t => Ops.Exp(t.X)),
            new(nameof(Ops.Log), "log", t => Ops.Log(t.Scores)),
            new(nameof(Ops.Sigmoid), "sigmoid", t => Ops.Sigmoid(t.X)),
            new(nameof(Ops.SigmoidGate), "sigmoid_gate", t => Ops.SigmoidGate(t.X, t.Y)),
            new(nameof(Ops.Silu), "silu", t => Ops.Silu(t.X)),
            new(nameof(Ops.SignedRoot), "signed_root", t => Ops.SignedRoot(t.X)),
            new(nameof(Ops.SoftCap), "soft_cap", t => Ops.SoftCap(t.X, 1.5f)),
            new(nameof(Ops.SwiGlu), "swiglu", t => Ops.SwiGlu(t.X, t.Y)),
            new(nameof(Ops.ClampedSwiGlu), "clamped_swiglu", t => Ops.ClampedSwiGlu(t.X, t.Y, limit: 1.25f)),
            new(nameof(Ops.Dropout), "dropout", t => Ops.Dropout(t.X, 0.25f, new PhiloxRandom(3, 1))),
            .. Enum.GetValues<Activation>()
                .SelectMany(f =>
                    (KernelCase[])
                        [
                            new(nameof(Ops.Activate), $"activate_{f.ToString().ToLowerInvariant()}", t => Ops.Activate(t.X, f)),
                            new(
                                nameof(Ops.GatedLinearUnit),
                                $"gated_linear_unit_{f.ToString().ToLowerInvariant()}",
                                t => Ops.GatedLinearUnit(t.X, t.Y, f)
                            ),
                        ]
                ),
        ];

    private static IEnumerable<KernelCase> Attention() =>
        [
            new(nameof(Ops.Rope), "rope", t => Ops.Rope(t.X, Heads, t.Positions, RotaryTable.Default(HeadDim, 10000))),
            new(nameof(Ops.Attention), "attention", t => Ops.Attention(t.X, t.Keys, t.Values, Heads, KeyValueHeads, 0.25f, t.Starts)),
            new(
                nameof(Ops.SelectKeys),
                "select_keys",
                t => Ops.SelectedAttention(t.X, t.Y, t.Y, Select(t), Heads, Heads, HeadDim, 0.25f),
                Recorded: false
            ),
            new(
                nameof(Ops.SelectedAttention),
                "selected_attention",
                t => Ops.SelectedAttention(t.X, t.Keys, t.Values, Select(t), Heads, KeyValueHeads, HeadDim, 0.25f)
            ),
            new(
                nameof(Ops.IndexerLoss),
                "indexer_loss",
                t =>
                    Ops.IndexerLoss(
                        t.X,
                        t.Keys,
                        Select(t),
                        Heads,
                        KeyValueHeads,
                        0.25f,
                        Ops.HeadColumns(t.X, 1, 0, KernelInputs.Experts * HeadDim),
                        Ops.HeadColumns(t.X, 1, 3, KernelInputs.Experts),
                        Ops.HeadColumns(t.Y, 1, 0, HeadDim)
                    )
            ),
            new(
                nameof(Ops.SharedKeyAttention),
                "shared_key_attention",
                t =>
                    Ops.SharedKeyAttention(
                        t.X,
                        t.Keys,
                        VisibleKeys.Causal(t.Device, Batch, Length, t.Starts).Last(9),
                        Entries(t),
                        TokenGroups.Create(t.Positions, 4).Visible.Last(7),
                        Heads,
                        0.25f,
                        Ops.HeadColumns(t.Bias, 1, 0, Heads),
                        out _
                    )
            ),
            new(nameof(Ops.CompressGroups), "compress_groups", Entries),
            new(nameof(Ops.LayerNorm), "layer_norm", t => Ops.LayerNorm(t.X, t.Bias, t.Norms, 1e-5f)),
            new(nameof(Ops.Detach), "detach", t => Ops.Detach(t.X), Recorded: false),
            new(nameof(Ops.AbsorbKeys), "absorb_keys", t => Ops.AbsorbKeys(t.X, t.Square, Heads, keyDim: 12), Recorded: false),
            new(nameof(Ops.ExpandValues), "expand_values", t => Ops.ExpandValues(t.X, t.Tall, Heads, keyDim: 12), Recorded: false),
            new(nameof(Ops.CausalConv), "causal_conv", t => Ops.CausalConv(t.X, t.Taps, t.Starts)),
            new(nameof(Ops.CausalConv), "causal_conv_plain", t => Ops.CausalConv(t.X, t.Taps, t.Starts, t.Bias, silu: false)),
            new(nameof(Ops.CausalConv), "causal_conv_dilated", t => Ops.CausalConv(t.X, t.Taps, t.Starts, dilation: 3)),
            new(nameof(Ops.BlockMeans), "block_means", t => Ops.BlockMeans(t.X, 5, t.Starts)),
            new(
                nameof(Ops.SelectKeys),
                "select_blocks",
                t => Ops.SelectedAttention(t.X, t.Y, t.Y, Select(t, 4), Heads, Heads, HeadDim, 0.25f),
                Recorded: false
            ),
            new(nameof(Ops.LogDecay), "log_decay", t => Ops.LogDecay(Ops.Columns(t.Y, DecayColumns), t.Rates, t.Rates)),
            new(
                nameof(Ops.GatedDeltaRule),
                "gated_delta_rule",
                t =>
                    Ops.GatedDeltaRule(
                        t.X,
                        Ops.LogDecay(Ops.Columns(t.Y, DecayColumns), t.Rates, t.Rates),
                        Ops.Sigmoid(Ops.Columns(t.Y, BetaColumns)),
                        keyHeads: 2,
                        HeadDim,
                        t.Starts
                    )
            ),
            new(
                nameof(Ops.ChannelDeltaRule),
                "channel_delta_rule",
                t =>
                    Ops.ChannelDeltaRule(
                        t.X,
                        t.Y,
                        t.Keys,
                        Ops.LogDecay(t.Y, t.Rates, t.Bias),
                        Ops.Sigmoid(Ops.Columns(t.Y, BetaColumns)),
                        t.Starts
                    )
            ),
        ];

    private static IEnumerable<KernelCase> Products() =>
        [
            new(
                nameof(Ops.BlockLinear),
                "block_linear",
                t => Ops.BlockLinear(t.X, Ops.HeadColumns(t.Square, 3, 0, 40).View(new Shape(9 * 40, 40)), 3)
            ),
            new(nameof(Ops.Linear), "linear", t => Ops.Linear(t.X, t.Square, t.Bias, t.Y)),
            new(nameof(Ops.LinearEach), "linear_each", t => LinearEach(t, t.X)),
            new(nameof(Ops.LinearEach), "linear_each_few_rows", t => LinearEach(t, t.Router), Recorded: false),
            new(
                nameof(Ops.MatMul),
                "matmul",
                t =>
                {
                    Tensor c = t.Copy(t.Square);
                    Ops.MatMul(t.X, true, t.Y, false, c, accumulate: true);
                    return c;
                },
                Recorded: false
            ),
            new(
                nameof(Ops.AdaptedRowNorms),
                "adapted_row_norms",
                t => Ops.AdaptedRowNorms(t.Square, t.Tall, t.Flat, 0.5f),
                Recorded: false
            ),
            new(
                nameof(Ops.MergeAdapter),
                "merge_adapter",
                t =>
                {
                    Tensor weight = t.Copy(t.Square);
                    Ops.MergeAdapter(weight, t.Tall, t.Flat, 0.5f, t.Norms);
                    return weight;
                },
                Recorded: false
            ),
        ];

    private static IEnumerable<KernelCase> Columns() =>
        [
            new(nameof(Ops.Columns), "columns", t => Ops.Columns(t.X, SomeColumns)),
            new(nameof(Ops.HeadColumns), "head_columns", t => Ops.HeadColumns(t.X, Heads, 3, 13)),
            new(nameof(Ops.JoinHeads), "join_heads", t => Ops.JoinHeads(t.X, Heads, 7, t.Keys)),
            new(nameof(Ops.RowWindow), "row_window", t => Ops.RowWindow(t.X, 5, 60)),
            new(nameof(Ops.RowGate), "row_gate", t => Ops.RowGate(t.X, Ops.Columns(t.Y, GateColumn), t.Y)),
            new(nameof(Ops.ScaleColumns), "scale_columns", t => Ops.ScaleColumns(t.X, t.Bias, t.Norms, residual: t.Y)),
            new(nameof(Ops.SpreadStreams), "spread_streams", t => Ops.SpreadStreams(t.X, 3)),
            new(nameof(Ops.StreamSum), "stream_sum", t => Ops.StreamSum(t.X, 4, t.Y, 5)),
            new(nameof(Ops.StreamUpdate), "stream_update", t => Ops.StreamUpdate(t.X, Ops.HeadColumns(t.Y, 1, 7, 30), 4, t.Y, 3, 9)),
            new(
                nameof(Ops.StreamWeights),
                "stream_weights",
                t =>
                    Ops.StreamWeights(
                        t.X,
                        Ops.RowWindow(t.Square.View(new Shape(1, Width, Width)), 0, 24).View(new Shape(24, Width)),
                        Ops.HeadColumns(t.Bias, 1, 3, 24),
                        Ops.HeadColumns(t.Norms, 1, 3, 3),
                        new StreamRule(4)
                    )
            ),
        ];

    private static IEnumerable<KernelCase> Experts() =>
        [
            new(nameof(Ops.RouterScores), "router_scores", t => Ops.RouterScores(t.X, t.Router, RouterScoring.Softmax)),
            new(nameof(Ops.RouterScores), "router_scores_sqrt_softplus", t => Ops.RouterScores(t.X, t.Router, RouterScoring.SqrtSoftplus)),
            new(
                nameof(Ops.RouteByToken),
                "route_by_token",
                t =>
                    Ops.RouteByToken(
                        t.Scores,
                        t.Places([.. Enumerable.Range(0, 2 * Vocabulary).Select(i => i * 7 % KernelInputs.Experts)])
                            .View(new Shape(Vocabulary, 2)),
                        t.Ids,
                        new RoutingRule(2)
                    ).Weights
            ),
            new(nameof(Ops.RouteExperts), "route_experts", t => t.Route().Weights),
            new(nameof(Ops.ExpertDispatch), "expert_dispatch", t => Ops.ExpertDispatch(t.X, t.Route())),
            new(
                nameof(Ops.GroupedLinear),
                "grouped_linear",
                t => Grouped(t, (x, offsets) => Ops.GroupedLinear(x, t.ExpertWeights, offsets))
            ),
            new(nameof(Ops.StackedLinear), "stacked_linear", t => Grouped(t, (x, offsets) => Ops.StackedLinear(x, t.ExpertStack, offsets))),
            new(nameof(Ops.StackedBias), "stacked_bias", t => Grouped(t, (x, offsets) => Ops.StackedBias(x, t.ExpertBiases, offsets))),
            new(
                nameof(Ops.ExpertCombine),
                "expert_combine",
                t =>
                {
                    ExpertRouting routing = t.Route();
                    return Ops.ExpertCombine(Ops.ExpertDispatch(t.X, routing), routing, t.X.Shape, t.Y);
                }
            ),
            new(nameof(Ops.ExpertBalance), "expert_balance", t => Ops.ExpertBalance(t.Scores, t.Load)),
            new(
                nameof(Ops.CountExperts),
                "count_experts",
                t =>
                {
                    Tensor counts = t.Copy(t.Load);
                    Ops.CountExperts(t.Route(), counts);
                    return counts;
                },
                Recorded: false
            ),
        ];

    /// <summary>Two sequences, one of which goes on from 40 tokens.</summary>
    private static IEnumerable<KernelCase> Caches() =>
        [
            new(nameof(Ops.StoreKeys), "store_keys", t => t.CachedKeys(), Recorded: false),
            new(nameof(Ops.StoreRows), "store_rows", t => t.CachedRows(t.Values), Recorded: false),
            new(
                nameof(Ops.LoadRows),
                "load_rows",
                t => Ops.LoadRows(t.CachedRows(t.Values), t.Whole(), t.Tables(), 3, 17),
                Recorded: false
            ),
            new(
                nameof(Ops.BlockMeans),
                "block_means_of_a_cache",
                t => Ops.BlockMeans(t.CachedRows(t.Values), 3, 17, 5, t.Whole(), t.Tables()),
                Recorded: false
            ),
            new(
                nameof(Ops.KeepInRing),
                "keep_in_ring",
                t =>
                {
                    Tensor ring = t.Zeros(new Shape(2, 8, 2 * Width));
                    Ops.KeepInRing(Row(t.X), Row(t.Y), ring, t.Whole());
                    return ring;
                },
                Recorded: false
            ),
            new(
                nameof(Ops.StoreEntries),
                "store_entries",
                t =>
                {
                    Tensor store = t.Zeros(new Shape(16 * 4, HeadDim + 3));
                    TokenGroups groups = TokenGroups.Create(t.Whole(), t.Tables(), 4, 4);
                    Ops.StoreEntries(Row(Ops.HeadColumns(t.Keys, 1, 0, HeadDim)), store, groups, 3);
                    return store;
                },
                Recorded: false
            ),
            new(nameof(Ops.RowSlice), "row_slice", t => Ops.RowSlice(t.X, 7, 100), Recorded: false),
            new(
                nameof(Ops.PagedAttention),
                "paged_attention",
                t =>
                    Ops.PagedAttention(
                        t.Queries(),
                        t.CachedKeys(),
                        t.CachedRows(t.Values),
                        t.Continued(),
                        t.Tables(),
                        Heads,
                        KeyValueHeads,
                        0.25f
                    ),
                Recorded: false
            ),
            new(
                nameof(Ops.PagedLatentAttention),
                "paged_latent_attention",
                t =>
                    Ops.PagedLatentAttention(
                        t.Queries(),
                        t.CachedRows(Ops.HeadColumns(t.Keys, 1, 0, HeadDim)),
                        13,
                        t.Continued(),
                        t.Tables(),
                        Heads,
                        0.25f
                    ),
                Recorded: false
            ),
            new(
                nameof(Ops.CausalConv),
                "causal_conv_continued",
                t => Ops.CausalConv(Row(t.X), t.Taps, t.Whole(), t.Zeros(new Shape(2, 3, Width))),
                Recorded: false
            ),
            new(
                nameof(Ops.GatedDeltaRule),
                "gated_delta_rule_continued",
                t =>
                    Ops.GatedDeltaRule(
                        Row(t.X),
                        Row(Ops.LogDecay(Ops.Columns(t.Y, DecayColumns), t.Rates, t.Rates)),
                        Row(Ops.Sigmoid(Ops.Columns(t.Y, BetaColumns))),
                        2,
                        HeadDim,
                        t.Whole(),
                        t.Zeros(new Shape(2, 2, HeadDim, HeadDim))
                    ),
                Recorded: false
            ),
            new(
                nameof(Ops.ChannelDeltaRule),
                "channel_delta_rule_continued",
                t =>
                    Ops.ChannelDeltaRule(
                        Row(t.X),
                        Row(t.Y),
                        Row(t.Keys),
                        Row(Ops.LogDecay(t.Y, t.Rates, t.Bias)),
                        Row(Ops.Sigmoid(Ops.Columns(t.Y, BetaColumns))),
                        t.Whole(),
                        t.Zeros(new Shape(2, 2, Width / 2, HeadDim))
                    ),
                Recorded: false
            ),
        ];

    private static IEnumerable<KernelCase> InPlace() =>
        [
            new(
                nameof(Ops.Fill),
                "fill",
                t =>
                {
                    Tensor x = t.Copy(t.Bias);
                    Ops.Fill(x, 0.3f);
                    return x;
                },
                Recorded: false
            ),
            new(
                nameof(Ops.FillTransposed),
                "fill_transposed",
                t =>
                {
                    Tensor x = t.Copy(t.ExpertStack);
                    Ops.FillTransposed(x, 2, t.Table.Span[..(ExpertWidth * Width)], Width);
                    return x;
                },
                Recorded: false
            ),
            new(
                nameof(Ops.Blend),
                "blend",
                t =>
                {
                    Tensor x = t.Copy(t.X);
                    Ops.Blend(x, 0.9f, t.Y, -0.4f);
                    return x;
                },
                Recorded: false
            ),
            new(
                nameof(Ops.SquaredNorm),
                "squared_norm",
                t =>
                {
                    Tensor norm = t.Device.Rent(new Shape(1));
                    norm.Span[0] = (float)Ops.SquaredNorm(t.X);
                    return norm;
                },
                Recorded: false
            ),
            AdamW("adamw_weight", 0),
            AdamW("adamw_mean", 1),
            AdamW("adamw_square", 2),
        ];

    private static Tensor Entries(KernelInputs t) =>
        Ops.CompressGroups(
            Ops.HeadColumns(t.Y, 1, 0, 2 * HeadDim),
            t.Keys,
            Ops.HeadColumns(t.Bias, 4, 0, HeadDim).View(new Shape(2, 2 * HeadDim)) is { } half
                ? Ops.JoinHeads(half, 1, 2 * HeadDim, half).View(new Shape(4, 2 * HeadDim))
                : t.Bias,
            TokenGroups.Create(t.Positions, 4),
            HeadDim
        );

    private static Tensor Select(KernelInputs t, int block = 1) =>
        Ops.SelectKeys(
            Ops.HeadColumns(t.X, 1, 0, KernelInputs.Experts * HeadDim),
            Ops.HeadColumns(t.X, 1, 3, KernelInputs.Experts),
            Ops.HeadColumns(t.Y, 1, 0, HeadDim),
            0,
            VisibleKeys.Causal(t.Device, Batch, Length, t.Starts),
            21 / block,
            block
        );

    /// <summary>Ids of the rows that all experts' matrices have together.</summary>
    private static Tensor Small(Tensor ids)
    {
        Tensor small = ids.Device.Rent(ids.Shape, DType.Int32);
        for (int i = 0; i < ids.Count; i++)
        {
            small.Ints[i] = ids.Ints[i] % (KernelInputs.Experts * ExpertWidth);
        }
        return small;
    }

    private static KernelCase AdamW(string name, int part) =>
        new(
            nameof(Ops.AdamWStep),
            name,
            t =>
            {
                Tensor[] state = [t.Copy(t.Square), t.Copy(t.Square), t.Copy(t.Moments)];
                Ops.AdamWStep(
                    state[0],
                    t.Moments,
                    state[1],
                    state[2],
                    new AdamWCoefficients(1e-2, 0.9, 0.95, 1e-8, 0.1, 0.19, 0.0975, 0.5)
                );
                return state[part];
            },
            Recorded: false
        );

    private static Tensor Grouped(KernelInputs t, Func<Tensor, Tensor, Tensor> map)
    {
        ExpertRouting routing = t.Route();
        return map(Ops.ExpertDispatch(t.X, routing), routing.Offsets);
    }

    /// <summary>The sum of three maps of x.</summary>
    private static Tensor LinearEach(KernelInputs t, Tensor x)
    {
        Span<Tensor> y = [null!, null!, null!];
        Ops.LinearEach(x, [t.Square, t.Moments, t.Square], [t.Bias, null, null], y);
        return Ops.Add(Ops.Add(y[0], y[1]), y[2]);
    }

    /// <summary>A block whose inside is computed twice.</summary>
    private sealed class Block : IBlock<(Tensor Weight, Tensor Residual)>
    {
        public Tensor Forward(Tensor x, (Tensor Weight, Tensor Residual) context) =>
            Ops.Add(Ops.RmsNorm(x, context.Weight, 1e-5f), context.Residual);
    }
}
