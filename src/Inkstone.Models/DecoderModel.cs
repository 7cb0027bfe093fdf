using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Embedding → blocks → norm → output head: all that decoders share. A family brings its block and its norm.</summary>
/// <typeparam name="TBlock">the family's block</typeparam>
public class DecoderModel<TBlock> : CausalLm
    where TBlock : class, IDecoderBlock
{
    private readonly DecoderShape _shape;
    private readonly TBlock[] _blocks;
    private readonly Func<Tensor, Tensor> _norm;
    private readonly Metric _auxLoss = new("aux_loss");
    private (int Layer, ExpertRouter Router)[]? _sparseLayers;
    private ExpertRouter[]? _routers,
        _blockRouters;
    private RouterMetrics? _load;
    private IReadOnlyList<Metric>? _metrics;

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    /// <param name="config">config.json</param>
    /// <param name="root">the state dict</param>
    /// <param name="shape">sizes outside the blocks</param>
    /// <param name="block">the block of a layer at its place</param>
    /// <param name="norm">the norm behind the last block at its place</param>
    public DecoderModel(
        HfConfig config,
        Scope root,
        DecoderShape shape,
        Func<int, Scope, TBlock> block,
        Func<Scope, Func<Tensor, Tensor>> norm
    )
        : base(config, root)
    {
        _shape = shape;
        MaxPositionEmbeddings = shape.MaxPositionEmbeddings > 0 ? shape.MaxPositionEmbeddings : MaxPositionEmbeddings;
        Scope s = shape.Path.Length == 0 ? root : root[shape.Path];
        Embedding = new Embedding(s[shape.EmbeddingName], shape.VocabSize, shape.HiddenSize);
        _blocks = [.. Enumerable.Range(0, shape.Layers).Select(i => block(i, s["layers"][i]))];
        _norm = norm(s[shape.NormName]);
        OutputWeight = shape.Tied ? Embedding.Weight : new Linear(root[shape.HeadName], shape.HiddenSize, shape.VocabSize).Weight;
    }

    /// <inheritdoc/>
    public sealed override Tensor OutputWeight { get; }

    /// <inheritdoc/>
    public override bool IsTied => _shape.Tied;

    /// <summary>The layers, in order.</summary>
    public IReadOnlyList<TBlock> Blocks => _blocks;

    /// <summary>Vectors of tokens.</summary>
    protected Embedding Embedding { get; }

    /// <summary>Blocks that only training uses, numbered behind the others.</summary>
    protected virtual IReadOnlyList<TBlock> TrainingBlocks => [];

    /// <summary>Metrics that a family adds before those of its routers.</summary>
    protected virtual IEnumerable<Metric> LossMetrics => Routers.Length > 0 ? [_auxLoss] : [];

    /// <summary>Sparse layers with their routers.</summary>
    public (int Layer, ExpertRouter Router)[] SparseLayers =>
        _sparseLayers ??= [
            .. _blocks.Concat(TrainingBlocks).Index().Where(b => b.Item.Router is not null).Select(b => (b.Index, b.Item.Router!)),
        ];

    /// <inheritdoc/>
    public sealed override IReadOnlyList<ExpertRouter> ExpertRouters => Routers;

    private ExpertRouter[] Routers => _routers ??= [.. SparseLayers.Select(layer => layer.Router)];

    private ExpertRouter[] BlockRouters =>
        _blockRouters ??= [.. SparseLayers.Where(layer => layer.Layer < _blocks.Length).Select(layer => layer.Router)];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> Metrics => _metrics ??= [.. LossMetrics, .. Load.All];

    private RouterMetrics Load => _load ??= new RouterMetrics(SparseLayers);

    /// <inheritdoc/>
    public override Tensor Hidden(Tensor ids, ForwardContext ctx)
    {
        Tensor x = Embed(ids); // [B, T, n·C]
        ctx = ctx with { Ids = ids };
        for (int i = 0; i < _blocks.Length; i++)
        {
            Enter(i);
            x = Through(_blocks[i], x, ctx);
        }
        ctx.Batch?.Advance();
        return Scaled(Ended(x));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> HiddenByLayer(Tensor ids, ForwardContext ctx)
    {
        Tensor x = Embed(ids);
        ctx = ctx with { Ids = ids };
        List<Tensor> hidden = [Scaled(Ended(x))];
        foreach (TBlock block in _blocks)
        {
            x = block.Forward(x, ctx);
            hidden.Add(Scaled(Ended(x)));
        }
        return hidden;
    }

    // Logits are linear in x, so the factor costs C and not V numbers.
    private Tensor Scaled(Tensor x) => _shape.LogitScale == 1 ? x : Ops.Scale(x, _shape.LogitScale);

    /// <summary>What stands behind the last block: its norm. x: [B, T, n·C].</summary>
    protected virtual Tensor Ended(Tensor x) => _norm(x);

    /// <summary>Residual streams.</summary>
    protected int Streams => _shape.Streams;

    /// <inheritdoc/>
    protected override int ResidualWidth => _shape.Streams * _shape.HiddenSize;

    /// <inheritdoc/>
    public override bool SharesPrompts => Array.TrueForAll(_blocks, block => block.Cache is AttentionSpec);

    /// <inheritdoc/>
    public override bool CacheSurvives(int length, int longer) =>
        _shape.Rotary is not { CacheSurvives: false } rotary || rotary.ForLength(length) == rotary.ForLength(longer);

    /// <inheritdoc/>
    protected override float LogitSoftCap => _shape.LogitSoftCap;

    private Tensor Embed(Tensor ids)
    {
        Tensor x = Embedding.Forward(ids);
        x = _shape.EmbeddingScale == 1 ? x : Ops.Scale(x, _shape.EmbeddingScale);
        x = _shape.EmbeddingNorm?.Invoke(x) ?? x;
        return _shape.Streams == 1 ? x : Ops.SpreadStreams(x, _shape.Streams);
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
    {
        return PlusBalance(base.Loss(ids, labels, normalizer, ctx), labels, normalizer);
    }

    /// <summary><paramref name="loss"/>, and while training the balance loss of routers where the family has one.</summary>
    /// <param name="loss">what is minimised beside</param>
    /// <param name="labels">of the batch</param>
    /// <param name="normalizer">labels of the step</param>
    /// <param name="whole">whether the blocks that only training uses took part</param>
    protected Tensor PlusBalance(Tensor loss, Tensor labels, float normalizer, bool whole = false)
    {
        ExpertRouter[] routers = whole ? Routers : BlockRouters;
        return _shape.RouterAuxLoss is { } weight && Device.Tape.Recording && routers.Length > 0
            ? Plus(loss, BalanceLoss.OverBatch(routers), weight, LabelCount(labels) / normalizer, _auxLoss)
            : loss;
    }

    /// <summary>How far correction biases of routers move after an optimizer step; 0 where there are none.</summary>
    protected virtual double RouterBiasRate => 0;

    /// <inheritdoc/>
    public override void AfterStep()
    {
        Load.AfterStep(RouterBiasRate);
        base.AfterStep();
    }

    /// <inheritdoc/>
    public override double ActiveShare(Parameter parameter) =>
        Routers.Length > 0 && parameter.Name.Contains(".experts.", StringComparison.Ordinal) ? Routers[0].ActiveShare : 1;

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations =>
        [.. Blocks.Concat(TrainingBlocks).Select(block => block.ActivationsPerToken)];

    /// <inheritdoc/>
    public override IReadOnlyList<ICacheSpec> CacheSpecs => [.. Blocks.Select(block => block.Cache)];

    /// <inheritdoc/>
    public override bool SharesPrefixes => _shape.Rotary is not { DependsOnLength: true };
}
