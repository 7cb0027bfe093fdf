using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>Grouped-query attention with a norm on each head of q and k.</summary>
public sealed class Qwen3MoeAttention(Qwen3MoeConfig c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.NumAttentionHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.NumAttentionHeads * c.HeadDim, c.HiddenSize, c.AttentionBias);
    private readonly RmsNorm _qNorm = new(s["q_norm"], c.HeadDim, c.RmsNormEps);
    private readonly RmsNorm _kNorm = new(s["k_norm"], c.HeadDim, c.RmsNormEps);
    private readonly float _scale = 1 / MathF.Sqrt(c.HeadDim);
    private readonly int? _window = c.Windows[layer];

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor q = Ops.Rope(_qNorm.Heads(_q.Forward(x)), c.NumAttentionHeads, ctx.Positions, rotary);   // [B, T, H·D]
        Tensor k = Ops.Rope(_kNorm.Heads(_k.Forward(x)), c.NumKeyValueHeads, ctx.Positions, rotary);    // [B, T, Hkv·D]
        Tensor v = _v.Forward(x);                                                               // [B, T, Hkv·D]
        (k, v) = ctx.Cache?.Layer<KeyValueCache>(layer).Append(k, v) ?? (k, v);                 // [B, S, Hkv·D]

        Tensor y = Ops.Attention(q, k, v, c.NumAttentionHeads, c.NumKeyValueHeads, _scale, ctx.DocumentStarts, _window);
        return _o.Forward(y, residual);                                                         // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block whose feed-forward layer is sparse or dense.</summary>
public sealed class Qwen3MoeBlock : IBlock<ForwardContext>
{
    private readonly RmsNorm _inputNorm, _postAttentionNorm;
    private readonly Qwen3MoeAttention _attention;
    private readonly SwiGlu? _dense;

    /// <summary>Builds the block.</summary>
    public Qwen3MoeBlock(Qwen3MoeConfig c, int layer, Scope s, RotaryTable rotary)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
        _attention = new Qwen3MoeAttention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
        if (c.Sparse[layer])
        {
            Sparse = new SparseExperts(s["mlp"], new SparseExpertsSettings(c.HiddenSize, c.MoeIntermediateSize, c.NumExperts, RouterScoring.Softmax,
                new RoutingRule(c.NumExpertsPerTok, Normalise: c.NormTopkProb)));
        }
        else
        {
            _dense = new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
        }
    }

    /// <summary>The sparse layer, where this block has one.</summary>
    public SparseExperts? Sparse { get; }

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        Tensor y = _postAttentionNorm.Forward(h);
        return Sparse is not null ? Sparse.Forward(y, residual: h) : _dense!.Forward(y, residual: h);
    }
}

/// <summary>Qwen3's sparse models (arXiv:2505.09388): Qwen3's block with experts, softmax routing, balance loss over the batch.</summary>
public sealed class Qwen3MoeModel : CausalLm
{
    private readonly Qwen3MoeConfig _c;
    private readonly Embedding _embedding;
    private readonly Qwen3MoeBlock[] _blocks;
    private readonly RmsNorm _norm;
    private readonly ExpertRouter[] _routers;
    private readonly RouterFigures _load;
    private readonly StepFigure _auxLoss = new("aux_loss");

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public Qwen3MoeModel(HfConfig config, Scope root) : base(config, root)
    {
        _c = Qwen3MoeConfig.From(config);
        RotaryTable rotary = Rotary.From(config, _c.HeadDim);
        Scope s = root["model"];
        _embedding = new Embedding(s["embed_tokens"], _c.VocabSize, _c.HiddenSize);
        _blocks = [.. Enumerable.Range(0, _c.NumHiddenLayers).Select(i => new Qwen3MoeBlock(_c, i, s["layers"][i], rotary))];
        _norm = new RmsNorm(s["norm"], _c.HiddenSize, _c.RmsNormEps);
        OutputWeight = _c.TieWordEmbeddings ? _embedding.Weight : new Linear(root["lm_head"], _c.HiddenSize, _c.VocabSize).Weight;
        Parameters = root.Complete();
        _routers = [.. _blocks.Where(b => b.Sparse is not null).Select(b => b.Sparse!.Router)];
        _load = new RouterFigures(_blocks.Index().Where(b => b.Item.Sparse is not null).Select(b => (b.Index, b.Item.Sparse!.Router)));
        Figures = [_auxLoss, .. _load.All];
    }

    /// <inheritdoc/>
    public override Parameters Parameters { get; }

    /// <inheritdoc/>
    public override Tensor OutputWeight { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<StepFigure> Figures { get; }

    /// <inheritdoc/>
    protected override IReadOnlyList<long> BlockActivations => [.. _c.Sparse.Select(sparse => 7L * _c.HiddenSize + 2L * _c.NumKeyValueHeads * _c.HeadDim
        + (sparse ? _c.NumExpertsPerTok * (3L * _c.MoeIntermediateSize + 2L * _c.HiddenSize) : 3L * _c.IntermediateSize))];

    /// <inheritdoc/>
    public override Tensor Hidden(Tensor ids, ForwardContext ctx)
    {
        Tensor x = _embedding.Forward(ids);                                // [B, T, C]
        foreach (Qwen3MoeBlock block in _blocks)
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
        int width = _c.NumKeyValueHeads * _c.HeadDim;
        return new SequenceCache(Device, capacity, [.. _c.Windows.Select(window => new KeyValueCache(Device, capacity, width, width, window))]);
    }
}
