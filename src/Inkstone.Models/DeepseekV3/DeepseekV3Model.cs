using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>DeepSeek-V3 (arXiv:2412.19437): latent attention, experts balanced by a bias instead of a large loss, prediction of several tokens in pretraining.</summary>
public sealed class DeepseekV3Model : CausalLm
{
    private readonly DeepseekV3Config _c;
    private readonly Embedding _embedding;
    private readonly DeepseekV3Block[] _blocks;
    private readonly RmsNorm _norm;
    private readonly MultiTokenPrediction[] _ahead;
    private readonly (int Layer, ExpertRouter Router)[] _routers;
    private readonly RouterFigures _load;
    private readonly StepFigure _mtpLoss = new("mtp_loss"), _balanceLoss = new("sequence_balance_loss");

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public DeepseekV3Model(HfConfig config, Scope root) : base(config, root)
    {
        _c = DeepseekV3Config.From(config);
        Objective = _c.Objective;
        RotaryTable rotary = Rotary.From(config, _c.QkRopeHeadDim);
        Scope s = root["model"], layers = s["layers"];
        _embedding = new Embedding(s["embed_tokens"], _c.VocabSize, _c.HiddenSize);
        _blocks = [.. Enumerable.Range(0, _c.NumHiddenLayers).Select(i => new DeepseekV3Block(_c, i, layers[i], rotary, sparse: i >= _c.FirstKDenseReplace))];
        _norm = new RmsNorm(s["norm"], _c.HiddenSize, _c.RmsNormEps);
        OutputWeight = _c.TieWordEmbeddings ? _embedding.Weight : new Linear(root["lm_head"], _c.HiddenSize, _c.VocabSize).Weight;
        // Checkpoints for inference leave the modules out though the configuration names them.
        _ahead = [.. Enumerable.Range(_c.NumHiddenLayers, _c.NumNextnPredictLayers).TakeWhile(i => layers[i]["eh_proj"].Has("weight"))
            .Select(i => new MultiTokenPrediction(_c, i, layers[i], rotary))];
        Parameters = root.Complete();
        _routers = [.. _blocks.Concat(_ahead.Select(m => m.Block)).Index().Where(b => b.Item.Sparse is not null).Select(b => (b.Index, b.Item.Sparse!.Router))];
        _load = new RouterFigures(_routers);
        Figures = [_mtpLoss, _balanceLoss, .. _load.All];
    }

    /// <inheritdoc/>
    public override Parameters Parameters { get; }

    /// <inheritdoc/>
    public override Tensor OutputWeight { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<StepFigure> Figures { get; }

    /// <summary>Weights of what is aimed at; the configuration's until changed.</summary>
    public DeepseekV3Objective Objective { get; set; }

    /// <summary>Number of modules that predict further tokens.</summary>
    public int PredictionDepth => _ahead.Length;

    /// <summary>The routers with their layers, from the first sparse layer to the last prediction module.</summary>
    public IReadOnlyList<(int Layer, ExpertRouter Router)> Routers => _routers;

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations
    {
        get
        {
            long attention = (_c.QLoraRank ?? 0) * 2L + 2L * _c.KvLoraRank + _c.NumAttentionHeads * (4L * _c.QkHeadDim + 3L * _c.VHeadDim);
            long sparse = _c.Routing.TopK * (3L * _c.MoeIntermediateSize + 2L * _c.HiddenSize) + 3L * _c.NSharedExperts * _c.MoeIntermediateSize;
            long Block(DeepseekV3Block block) => 5L * _c.HiddenSize + attention + (block.Sparse is null ? 3L * _c.IntermediateSize : sparse);
            return [.. _blocks.Select(Block), .. _ahead.Select(module => 4L * _c.HiddenSize + Block(module.Block))];
        }
    }

    /// <inheritdoc/>
    public override Tensor Hidden(Tensor ids, ForwardContext ctx)
    {
        Tensor x = _embedding.Forward(ids);                                // [B, T, C]
        foreach (DeepseekV3Block block in _blocks)
        {
            x = Through(block, x, ctx);
        }
        ctx.Cache?.Advance(ids.Shape.Last);
        return _norm.Forward(x);
    }

    /// <summary>
    /// What the prediction module of a depth (from 1) makes of the tokens: normed hidden states [B, T − depth, C], whose logits at i are for token i + depth + 1.
    /// <paramref name="hidden"/> comes from the depth before, depth 0 being <see cref="Hidden"/>.
    /// </summary>
    public Tensor Ahead(int depth, Tensor hidden, Tensor ids, ForwardContext ctx)
    {
        int length = ids.Shape.Last - depth;
        ForwardContext inner = new(Window(ctx.Positions, 0, length), ctx.DocumentStarts is { } starts ? Window(starts, 0, length) : null);
        Tensor embedded = _embedding.Forward(Window(ids, depth, length));
        MultiTokenPrediction module = _ahead[depth - 1];
        return module.Norm.Forward(Through(module.Block, module.Join(Ops.RowWindow(hidden, 0, length), embedded), inner));
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
    {
        Tensor hidden = Hidden(ids, ctx);
        Tensor loss = Ops.LinearCrossEntropy(hidden, OutputWeight, labels, normalizer);
        if (!Device.Tape.Recording)
        {
            return loss;
        }
        double share = LabelCount(labels) / normalizer;
        int layers = _blocks.Length, length = ids.Shape.Last;
        for (int depth = 1; depth <= _ahead.Length && depth < length && Pretraining && Objective.MultiTokenPrediction != 0; depth++, layers++)
        {
            hidden = Ahead(depth, hidden, ids, ctx);
            Tensor further = LabelsAhead(depth, labels, ctx.DocumentStarts);
            if (LabelCount(further) is > 0 and int count)
            {
                Tensor part = Ops.LinearCrossEntropy(hidden, OutputWeight, further, (float)count * _ahead.Length);
                loss = Plus(loss, part, Objective.MultiTokenPrediction, share, _mtpLoss);
            }
        }
        foreach ((int layer, ExpertRouter router) in _routers)
        {
            if (layer < layers && Pretraining && Objective.SequenceBalance != 0)
            {
                loss = Plus(loss, BalanceLoss.BySequence(router, ids.Shape[0]), Objective.SequenceBalance, share, _balanceLoss);
            }
        }
        return loss;
    }

    /// <inheritdoc/>
    public override void StepEnded()
    {
        _load.StepEnded(Pretraining ? Objective.BiasRate : 0);
        base.StepEnded();
    }

    /// <inheritdoc/>
    public override double ActiveShare(Parameter parameter)
        => parameter.Name.Contains(".mlp.experts.", StringComparison.Ordinal) ? (double)_c.Routing.TopK / _c.NRoutedExperts : 1;

    /// <inheritdoc/>
    public override SequenceCache NewCache(int capacity)
        => new(Device, capacity, [.. _blocks.Select(_ => new LatentCache(Device, capacity, _c.KvLoraRank, _c.QkRopeHeadDim))]);

    /// <summary>Labels of the tokens <paramref name="depth"/> further on, [B, T − depth]; none across the border of a document.</summary>
    private static Tensor LabelsAhead(int depth, Tensor labels, Tensor? documentStarts)
    {
        int length = labels.Shape.Last;
        Tensor further = Window(labels, depth, length - depth);
        Span<int> to = further.Ints;
        for (int i = 0; i < to.Length && documentStarts is not null; i++)
        {
            (int row, int t) = Math.DivRem(i, length - depth);
            if (documentStarts.Ints[row * length + t + depth] != documentStarts.Ints[row * length + t])
            {
                to[i] = Ops.IgnoreLabel;
            }
        }
        return further;
    }

    /// <summary>Tokens [from, from + count) of each row of whole numbers.</summary>
    private static Tensor Window(Tensor rows, int from, int count)
    {
        int length = rows.Shape.Last;
        Tensor window = rows.Device.Rent(new Shape(rows.Shape[0], count), DType.Int32);
        for (int row = 0; row < rows.Shape[0]; row++)
        {
            rows.Ints.Slice(row * length + from, count).CopyTo(window.Ints[(row * count)..]);
        }
        return window;
    }
}
