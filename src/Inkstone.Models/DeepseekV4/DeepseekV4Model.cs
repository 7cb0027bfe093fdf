using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>DeepSeek-V4. Routers that score are balanced by a bias that follows their load, those of hash layers by their table.</summary>
internal sealed class DeepseekV4Model : PredictingModel<DeepseekV4Block>, IIndexedModel
{
    private readonly DeepseekV4Config _c;
    private readonly StreamPrediction[] _ahead;
    private readonly EntryIndexer[] _indexers;
    private readonly ExpertRouter[] _scoring;
    private readonly Metric _balanceLoss = new("aux_loss"),
        _indexerLoss = new("indexer_loss");
    private IndexerTraining _indexerTraining;

    private DeepseekV4Model(HfConfig config, Scope root, DeepseekV4Config c, int[] entryLayers)
        : base(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.Kinds.Length, c.TieWordEmbeddings)
            {
                Path = "",
                EmbeddingName = "embed",
                HeadName = "head",
                Streams = c.Streams.Streams,
            },
            (layer, s) => new DeepseekV4Block(c, c.Kinds[layer], c.Hashed[layer], layer, entryLayers[layer], s),
            s => End(root, s, c)
        )
    {
        _c = c;
        PredictionWeight = c.Objective.MultiTokenPrediction;
        // Checkpoints for inference leave the modules out though the configuration names them.
        _ahead =
        [
            .. Enumerable
                .Range(0, c.Predicted)
                .TakeWhile(i => root["mtp"][i]["e_proj"].Has("weight"))
                .Select(i => new StreamPrediction(c, i, root["mtp"][i])),
        ];
        _indexers = [.. Blocks.Select(block => block.Indexer).OfType<EntryIndexer>()];
        _scoring = [.. Blocks.Select(block => block.Router).Where(router => !router.IsHashed)];
        IndexerTraining = IndexedModel.TrainingOf(config);
    }

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public static DeepseekV4Model Build(HfConfig config, Scope root)
    {
        DeepseekV4Config c = DeepseekV4Config.From(config);
        root.NameForAdapters(DeepseekV4Names.InTransformers);
        int next = c.Kinds.Length; // entries of layers lie behind all windows
        return new DeepseekV4Model(config, root, c, [.. c.Kinds.Select(kind => kind == LayerKind.Sliding ? -1 : next++)]);
    }

    /// <inheritdoc/>
    public override int PredictionDepth => _ahead.Length;

    /// <inheritdoc/>
    public override double PredictionWeight { get; set; }

    /// <inheritdoc/>
    public override IReadOnlyList<ICacheSpec> CacheSpecs =>
        [.. Blocks.Select(block => block.Cache), .. Blocks.Select(block => block.Entries).OfType<ICacheSpec>()];

    /// <inheritdoc/>
    protected override IReadOnlyList<DeepseekV4Block> TrainingBlocks => [.. _ahead.Select(module => module.Block)];

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics =>
        [
            PredictionLoss,
            .. _c.RouterAuxLoss is null || _scoring.Length == 0 ? (Metric[])[] : [_balanceLoss],
            .. _indexers.Length == 0 ? (Metric[])[] : [_indexerLoss],
        ];

    /// <inheritdoc/>
    protected override double RouterBiasRate => Pretraining ? _c.Objective.BiasRate : 0;

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations =>
        [
            .. Blocks.Select(b => b.ActivationsPerToken),
            .. _ahead.Select(module => (4L + 2 * _c.Streams.Streams) * _c.HiddenSize + module.Block.ActivationsPerToken),
        ];

    /// <inheritdoc/>
    public IndexerTraining IndexerTraining
    {
        get => _indexerTraining;
        set
        {
            _indexerTraining = value;
            Array.ForEach(_indexers, indexer => indexer.Training = value);
        }
    }

    /// <inheritdoc/>
    protected override Tensor Predict(int depth, Tensor carried, Tensor embedded, ForwardContext ctx)
    {
        StreamPrediction module = _ahead[depth - 1];
        return Through(module.Block, module.Join(carried, embedded), ctx);
    }

    /// <inheritdoc/>
    protected override Tensor ReadAhead(int depth, Tensor carried) => _ahead[depth - 1].End(carried);

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
        (loss, _) = PlusAhead(loss, hidden, ids, labels, normalizer, ctx);
        if (_c.RouterAuxLoss is { } weight && _scoring.Length > 0)
        {
            loss = Plus(loss, BalanceLoss.OverBatch(_scoring), weight, share, _balanceLoss);
        }
        for (int i = 0; i < _indexers.Length && IndexerTraining != IndexerTraining.None; i++)
        {
            loss = Plus(loss, _indexers[i].Loss!, 1, share, _indexerLoss);
        }
        return loss;
    }

    /// <summary>The last reading of the streams, and the norm.</summary>
    private static Func<Tensor, Tensor> End(Scope root, Scope s, DeepseekV4Config c)
    {
        HyperConnection head = new(root, "hc_head", c.HiddenSize, c.Streams, mixes: false);
        RmsNorm norm = new(s, c.HiddenSize, c.RmsNormEps);
        return x => norm.Forward(head.Read(x, out _));
    }
}

/// <summary>
/// A module that predicts a token further ahead (arXiv:2412.19437, section 2.2): each stream of token i and the embedding of token i + k
/// become the input of a block that sees its window alone.
/// </summary>
internal sealed class StreamPrediction(DeepseekV4Config c, int module, Scope s)
{
    private readonly RmsNorm _embeddingNorm = new(s["enorm"], c.HiddenSize, c.RmsNormEps),
        _hiddenNorm = new(s["hnorm"], c.HiddenSize, c.RmsNormEps),
        _norm = new(s["norm"], c.HiddenSize, c.RmsNormEps);
    private readonly Linear _e = new(s["e_proj"], c.HiddenSize, c.HiddenSize),
        _h = new(s["h_proj"], c.HiddenSize, c.HiddenSize);
    private readonly HyperConnection _head = new(s, "hc_head", c.HiddenSize, c.Streams, mixes: false);

    /// <summary>Its block.</summary>
    public DeepseekV4Block Block { get; } = new(c, LayerKind.Sliding, hashed: false, layer: module, entryLayer: -1, s);

    /// <summary>The block's input, [B, T, n·C]. streams: [B, T, n·C]; embedded: [B, T, C] of the tokens further on.</summary>
    public Tensor Join(Tensor streams, Tensor embedded)
    {
        Shape shape = streams.Shape,
            each = new(streams.Shape.Rows * c.Streams.Streams, c.HiddenSize);
        Tensor e = Ops.SpreadStreams(_e.Forward(_embeddingNorm.Forward(embedded)), c.Streams.Streams);
        return _h.Forward(_hiddenNorm.Forward(streams.View(each)), residual: e.View(each)).View(shape);
    }

    /// <summary>What is behind the block: normed hidden states, [B, T, C].</summary>
    public Tensor End(Tensor streams) => _norm.Forward(_head.Read(streams, out _));
}
