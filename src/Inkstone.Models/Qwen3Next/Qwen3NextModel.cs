using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>Pre-norm decoder block: gated delta net or gated attention, then experts or one dense layer.</summary>
public sealed class Qwen3NextBlock : IBlock<ForwardContext>
{
    private readonly RmsNorm _inputNorm, _postAttentionNorm;
    private readonly GatedDeltaNet? _linear;
    private readonly GatedAttention? _attention;
    private readonly SwiGlu? _dense;

    /// <summary>Builds the block.</summary>
    public Qwen3NextBlock(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _linear = c.Linear[layer] ? new GatedDeltaNet(c, layer, s["linear_attn"]) : null;
        _attention = c.Linear[layer] ? null : new GatedAttention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        Sparse = c.Sparse[layer] ? new SharedSparseExperts(c, s["mlp"]) : null;
        _dense = c.Sparse[layer] ? null : new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
    }

    /// <summary>The sparse layer, where this block has one.</summary>
    public SharedSparseExperts? Sparse { get; }

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor y = _inputNorm.Forward(x);
        Tensor h = _linear?.Forward(y, ctx, residual: x) ?? _attention!.Forward(y, ctx, residual: x);
        y = _postAttentionNorm.Forward(h);
        return Sparse?.Forward(y, residual: h) ?? _dense!.Forward(y, residual: h);
    }
}

/// <summary>Qwen3-Next: three layers of linear attention to one of gated attention, sparse experts with a shared one.</summary>
public sealed class Qwen3NextModel : CausalLm
{
    private readonly Qwen3NextConfig _c;
    private readonly Embedding _embedding;
    private readonly Qwen3NextBlock[] _blocks;
    private readonly RmsNorm _norm;
    private readonly ExpertRouter[] _routers;
    private readonly RouterFigures _load;
    private readonly StepFigure _auxLoss = new("aux_loss");

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public Qwen3NextModel(HfConfig config, Scope root) : base(config, root)
    {
        _c = Qwen3NextConfig.From(config);
        RotaryTable rotary = Rotary.From(config, _c.RotaryDim);
        Scope s = root["model"];
        _embedding = new Embedding(s["embed_tokens"], _c.VocabSize, _c.HiddenSize);
        _blocks = [.. Enumerable.Range(0, _c.NumHiddenLayers).Select(i => new Qwen3NextBlock(_c, i, s["layers"][i], rotary))];
        _norm = new RmsNorm(s["norm"], _c.HiddenSize, _c.RmsNormEps, zeroCentred: true);
        OutputWeight = _c.TieWordEmbeddings ? _embedding.Weight : new Linear(root["lm_head"], _c.HiddenSize, _c.VocabSize).Weight;
        Parameters = root.Complete();
        _routers = [.. _blocks.Where(b => b.Sparse is not null).Select(b => b.Sparse!.Router)];
        _load = new RouterFigures(_blocks.Index().Where(b => b.Item.Sparse is not null).Select(b => (b.Index, b.Item.Sparse!.Router)));
        Figures = _routers.Length > 0 ? [_auxLoss, .. _load.All] : [];
    }

    /// <inheritdoc/>
    public override Parameters Parameters { get; }

    /// <inheritdoc/>
    public override Tensor OutputWeight { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<StepFigure> Figures { get; }

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations
    {
        get
        {
            long linear = 4L * _c.LinearKeyWidth + 6L * _c.LinearValueWidth + (long)_c.LinearNumValueHeads * _c.LinearKeyHeadDim * _c.LinearValueHeadDim / 64;
            long full = 6L * _c.NumAttentionHeads * _c.HeadDim + 3L * _c.NumKeyValueHeads * _c.HeadDim;
            long sparse = _c.NumExpertsPerTok * (3L * _c.MoeIntermediateSize + 2L * _c.HiddenSize) + 3L * _c.SharedExpertIntermediateSize + 2L * _c.HiddenSize;
            return [.. _c.Linear.Zip(_c.Sparse, (isLinear, isSparse) => 4L * _c.HiddenSize + (isLinear ? linear : full) + (isSparse ? sparse : 3L * _c.IntermediateSize))];
        }
    }

    /// <inheritdoc/>
    public override Tensor Hidden(Tensor ids, ForwardContext ctx)
    {
        Tensor x = _embedding.Forward(ids);                                // [B, T, C]
        foreach (Qwen3NextBlock block in _blocks)
        {
            x = Through(block, x, ctx);
        }
        ctx.Cache?.Advance(ids.Shape.Last);
        return _norm.Forward(x);
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
    {
        Tensor loss = base.Loss(ids, labels, normalizer, ctx);
        return Device.Tape.Recording && _c.OutputRouterLogits && _routers.Length > 0
            ? Plus(loss, BalanceLoss.OverBatch(_routers), _c.RouterAuxLossCoef, LabelCount(labels) / normalizer, _auxLoss) : loss;
    }

    /// <inheritdoc/>
    public override void StepEnded()
    {
        _load.StepEnded();
        base.StepEnded();
    }

    /// <inheritdoc/>
    public override double ActiveShare(Parameter parameter)
        => parameter.Name.Contains(".mlp.experts.", StringComparison.Ordinal) ? (double)_c.NumExpertsPerTok / _c.NumExperts : 1;

    /// <inheritdoc/>
    public override SequenceCache NewCache(int capacity)
    {
        int width = _c.NumKeyValueHeads * _c.HeadDim, channels = 2 * _c.LinearKeyWidth + _c.LinearValueWidth;
        return new SequenceCache(Device, capacity, [.. _c.Linear.Select(linear => linear
            ? (ILayerCache)new DeltaCache(Device, _c.LinearNumValueHeads, _c.LinearKeyHeadDim, _c.LinearValueHeadDim, channels, _c.LinearConvKernelDim)
            : new KeyValueCache(Device, capacity, width, width))]);
    }
}
