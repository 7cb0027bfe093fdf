using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>DeepSeek-V3 (arXiv:2412.19437): latent attention, experts balanced by a bias instead of a large loss, prediction of several
/// tokens in pretraining.</summary>
internal sealed class DeepseekV3Model : PredictingModel<DeepseekV3Block>, IIndexedModel
{
    private readonly MultiTokenPrediction[] _ahead;
    private readonly Indexer?[] _indexers; // of the blocks, then of the modules'
    private IndexerTraining _indexerTraining;
    private readonly Metric _indexerLoss = new("indexer_loss"),
        _balanceLoss = new("sequence_balance_loss");

    private DeepseekV3Model(HfConfig config, Scope root, DeepseekV3Config c, RotaryTable rotary)
        : base(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new DeepseekV3Block(c, layer, s, rotary, sparse: c.IsSparse(layer)),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        )
    {
        Objective = c.Objective;
        Scope layers = root["model"]["layers"];
        // Checkpoints for inference leave the modules out though the configuration names them.
        _ahead =
        [
            .. Enumerable
                .Range(c.NumHiddenLayers, c.NumNextnPredictLayers)
                .TakeWhile(i => layers[i]["eh_proj"].Has("weight"))
                .Select((layer, i) => new MultiTokenPrediction(c, layer, i, layers[layer], rotary)),
        ];
        _indexers = [.. Blocks.Concat(_ahead.Select(module => module.Block)).Select(block => block.Indexer)];
        IndexerTraining = IndexedModel.TrainingOf(config);
    }

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public static DeepseekV3Model Build(HfConfig config, Scope root) => Build(config, root, DeepseekV3Config.From(config));

    /// <summary>The same for a relative whose configuration was read by its own rules.</summary>
    public static DeepseekV3Model Build(HfConfig config, Scope root, DeepseekV3Config c) =>
        new(config, root, c, Rotary.From(config, c.QkRopeHeadDim));

    /// <summary>Weights of what is aimed at; the configuration's until changed.</summary>
    public DeepseekV3Objective Objective { get; set; }

    /// <inheritdoc/>
    public override int PredictionDepth => _ahead.Length;

    /// <inheritdoc/>
    public override double PredictionWeight
    {
        get => Objective.MultiTokenPrediction;
        set => Objective = Objective with { MultiTokenPrediction = value };
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<DeepseekV3Block> TrainingBlocks => [.. _ahead.Select(module => module.Block)];

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics =>
        Blocks[0].Indexer is null ? [PredictionLoss, _balanceLoss] : [PredictionLoss, _balanceLoss, _indexerLoss];

    /// <inheritdoc/>
    protected override double RouterBiasRate => Pretraining ? Objective.BiasRate : 0;

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations =>
        [
            .. Blocks.Select(b => b.ActivationsPerToken),
            .. _ahead.Select(module => 4L * OutputWeight.Shape.Last + module.Block.ActivationsPerToken),
        ];

    /// <inheritdoc/>
    protected override Tensor Predict(int depth, Tensor carried, Tensor embedded, ForwardContext ctx)
    {
        MultiTokenPrediction module = _ahead[depth - 1];
        Enter(Blocks.Count + depth - 1);
        return module.Norm.Forward(Through(module.Block, module.Join(carried, embedded), ctx));
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
        (loss, int predicted) = PlusAhead(loss, hidden, ids, labels, normalizer, ctx);
        int layers = Blocks.Count + predicted;
        foreach ((int layer, ExpertRouter router) in SparseLayers)
        {
            if (layer < layers && Pretraining && Objective.SequenceBalance != 0)
            {
                loss = Plus(loss, BalanceLoss.BySequence(router, ids.Shape[0]), Objective.SequenceBalance, share, _balanceLoss);
            }
        }
        return PlusIndexers(loss, layers, share);
    }

    /// <summary>What indexers learn from: see <see cref="DeepseekV3.Indexer"/>.</summary>
    public IndexerTraining IndexerTraining
    {
        get => _indexerTraining;
        set
        {
            _indexerTraining = value;
            foreach (Indexer? indexer in _indexers)
            {
                indexer?.Training = value;
            }
        }
    }

    private Tensor PlusIndexers(Tensor loss, int layers, double share)
    {
        for (int i = 0; i < layers && IndexerTraining != IndexerTraining.None; i++)
        {
            if (_indexers[i]?.Loss is { } part)
            {
                loss = Plus(loss, part, 1, share, _indexerLoss);
            }
        }
        return loss;
    }
}
