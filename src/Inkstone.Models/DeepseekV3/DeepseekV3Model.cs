using System.Buffers;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>DeepSeek-V3 (arXiv:2412.19437): latent attention, experts balanced by a bias instead of a large loss, prediction of several tokens in pretraining.</summary>
internal sealed class DeepseekV3Model : DecoderModel<DeepseekV3Block>
{
    private readonly MultiTokenPrediction[] _ahead;
    private readonly Metric _mtpLoss = new("mtp_loss"), _balanceLoss = new("sequence_balance_loss");

    private DeepseekV3Model(HfConfig config, Scope root, DeepseekV3Config c, RotaryTable rotary)
        : base(config, root, new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new DeepseekV3Block(c, layer, s, rotary, sparse: layer >= c.FirstKDenseReplace), s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward)
    {
        Objective = c.Objective;
        Scope layers = root["model"]["layers"];
        // Checkpoints for inference leave the modules out though the configuration names them.
        _ahead = [.. Enumerable.Range(c.NumHiddenLayers, c.NumNextnPredictLayers).TakeWhile(i => layers[i]["eh_proj"].Has("weight"))
            .Select(i => new MultiTokenPrediction(c, i, layers[i], rotary))];
    }

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public static DeepseekV3Model Build(HfConfig config, Scope root) => Build(config, root, DeepseekV3Config.From(config));

    /// <summary>The same for a relative whose configuration was read by its own rules.</summary>
    public static DeepseekV3Model Build(HfConfig config, Scope root, DeepseekV3Config c) => new(config, root, c, Rotary.From(config, c.QkRopeHeadDim));

    /// <summary>Weights of what is aimed at; the configuration's until changed.</summary>
    public DeepseekV3Objective Objective { get; set; }

    /// <summary>Number of modules that predict further tokens.</summary>
    public int PredictionDepth => _ahead.Length;

    /// <inheritdoc/>
    protected override IReadOnlyList<DeepseekV3Block> TrainingBlocks => [.. _ahead.Select(module => module.Block)];

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics => [_mtpLoss, _balanceLoss];

    /// <inheritdoc/>
    protected override double RouterBiasRate => Pretraining ? Objective.BiasRate : 0;

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations
        => [.. Blocks.Select(b => b.ActivationsPerToken), .. _ahead.Select(module => 4L * OutputWeight.Shape.Last + module.Block.ActivationsPerToken)];

    /// <summary>
    /// What the prediction module of a depth (from 1) makes of the tokens: normed hidden states [B, T − depth, C], whose logits at i are for token i + depth + 1.
    /// <paramref name="hidden"/> comes from the depth before, depth 0 being <see cref="CausalLm.Hidden"/>.
    /// </summary>
    public Tensor Ahead(int depth, Tensor hidden, Tensor ids, ForwardContext ctx)
    {
        int length = ids.Shape.Last - depth;
        ForwardContext inner = new(Window(ctx.Positions, 0, length), ctx.DocumentStarts is { } starts ? Window(starts, 0, length) : null)
        {
            AttentionMask = ctx.AttentionMask is { } mask ? Window(mask, 0, length) : null,
        };
        Tensor embedded = Embedding.Forward(Window(ids, depth, length));
        MultiTokenPrediction module = _ahead[depth - 1];
        return module.Norm.Forward(Through(module.Block, module.Join(Ops.RowWindow(hidden, 0, length), embedded), inner));
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
    {
        Tensor hidden = Hidden(ids, ctx);
        Tensor loss = LabelLoss(hidden, labels, normalizer);
        if (!Device.Tape.Recording)
        {
            return loss;
        }
        double share = LabelCount(labels) / normalizer;
        int layers = Blocks.Count, length = ids.Shape.Last;
        for (int depth = 1; depth <= _ahead.Length && depth < length && Pretraining && Objective.MultiTokenPrediction != 0; depth++, layers++)
        {
            hidden = Ahead(depth, hidden, ids, ctx);
            Tensor further = LabelsAhead(depth, labels, ctx.DocumentStarts);
            if (LabelCount(further) is > 0 and int count)
            {
                Tensor part = LabelLoss(hidden, further, (float)count * _ahead.Length);
                loss = Plus(loss, part, Objective.MultiTokenPrediction, share, _mtpLoss);
            }
        }
        foreach ((int layer, ExpertRouter router) in SparseLayers)
        {
            if (layer < layers && Pretraining && Objective.SequenceBalance != 0)
            {
                loss = Plus(loss, BalanceLoss.BySequence(router, ids.Shape[0]), Objective.SequenceBalance, share, _balanceLoss);
            }
        }
        return loss;
    }

    /// <summary>Labels of the tokens <paramref name="depth"/> further on, [B, T − depth]; none across the border of a document.</summary>
    private static Tensor LabelsAhead(int depth, Tensor labels, Tensor? documentStarts)
    {
        int length = labels.Shape.Last;
        Tensor further = Window(labels, depth, length - depth);
        if (documentStarts is null)
        {
            return further;
        }
        (int count, int all) = ((int)further.Count, (int)documentStarts.Count);
        int[] host = ArrayPool<int>.Shared.Rent(count + all);
        Span<int> to = host.AsSpan(0, count), starts = host.AsSpan(count, all);
        further.CopyTo(to);
        documentStarts.CopyTo(starts);
        for (int i = 0; i < count; i++)
        {
            (int row, int t) = Math.DivRem(i, length - depth);
            if (starts[row * length + t + depth] != starts[row * length + t])
            {
                to[i] = Ops.IgnoreLabel;
            }
        }
        further.CopyFrom(to);
        ArrayPool<int>.Shared.Return(host);
        return further;
    }

    /// <summary>Tokens [from, from + count) of each row of whole numbers.</summary>
    private static Tensor Window(Tensor rows, int from, int count)
    {
        int length = rows.Shape.Last;
        Tensor window = rows.Device.Rent(new Shape(rows.Shape[0], count), DType.Int32);
        int[] host = ArrayPool<int>.Shared.Rent(count);
        for (int row = 0; row < rows.Shape[0]; row++)
        {
            Span<int> part = host.AsSpan(0, count);
            rows.CopyTo(part, (long)row * length + from);
            window.CopyFrom(part, (long)row * count);
        }
        ArrayPool<int>.Shared.Return(host);
        return window;
    }
}
