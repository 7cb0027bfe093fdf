using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen2;

/// <summary>Grouped-query attention with biases on q, k and v (arXiv:2407.10671, section 2.2).</summary>
public sealed class Qwen2Attention(Qwen2Config c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.NumAttentionHeads * c.HeadDim, bias: true);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, bias: true);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, bias: true);
    private readonly Linear _o = new(s["o_proj"], c.NumAttentionHeads * c.HeadDim, c.HiddenSize);
    private readonly float _scale = 1 / MathF.Sqrt(c.HeadDim);
    private readonly int? _window = c.Windows[layer];

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor q = Ops.Rope(_q.Forward(x), c.NumAttentionHeads, ctx.Positions, rotary);         // [B, T, H·D]
        Tensor k = Ops.Rope(_k.Forward(x), c.NumKeyValueHeads, ctx.Positions, rotary);          // [B, T, Hkv·D]
        Tensor v = _v.Forward(x);                                                               // [B, T, Hkv·D]
        (k, v) = ctx.Cache?.Layer<KeyValueCache>(layer).Append(k, v) ?? (k, v);                 // [B, S, Hkv·D]

        Tensor y = Ops.Attention(q, k, v, c.NumAttentionHeads, c.NumKeyValueHeads, _scale, ctx.DocumentStarts, _window);
        return _o.Forward(y, residual);                                                         // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block.</summary>
public sealed class Qwen2Block(Qwen2Config c, int layer, Scope s, RotaryTable rotary) : IBlock<ForwardContext>
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Qwen2Attention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize);

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _mlp.Forward(_postAttentionNorm.ForwardCompact(h), residual: h);
    }
}

/// <summary>Qwen2 and Qwen2.5: Llama's block with biases on q, k and v.</summary>
public sealed class Qwen2Model : CausalLm
{
    private readonly Qwen2Config _c;
    private readonly Embedding _embedding;
    private readonly Qwen2Block[] _blocks;
    private readonly RmsNorm _norm;

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public Qwen2Model(HfConfig config, Scope root) : base(config, root)
    {
        _c = Qwen2Config.From(config);
        RotaryTable rotary = Rotary.From(config, _c.HeadDim);
        Scope s = root["model"];
        _embedding = new Embedding(s["embed_tokens"], _c.VocabSize, _c.HiddenSize);
        _blocks = [.. Enumerable.Range(0, _c.NumHiddenLayers).Select(i => new Qwen2Block(_c, i, s["layers"][i], rotary))];
        _norm = new RmsNorm(s["norm"], _c.HiddenSize, _c.RmsNormEps);
        OutputWeight = _c.TieWordEmbeddings ? _embedding.Weight : new Linear(root["lm_head"], _c.HiddenSize, _c.VocabSize).Weight;
        Parameters = root.Complete();
    }

    /// <inheritdoc/>
    public override Parameters Parameters { get; }

    /// <inheritdoc/>
    public override Tensor OutputWeight { get; }

    /// <inheritdoc/>
    public override Tensor Hidden(Tensor ids, ForwardContext ctx)
    {
        Tensor x = _embedding.Forward(ids);                                // [B, T, C]
        foreach (Qwen2Block block in _blocks)
        {
            x = Through(block, x, ctx);
        }
        ctx.Cache?.Advance(ids.Shape.Last);
        return _norm.Forward(x);
    }

    /// <inheritdoc/>
    public override SequenceCache NewCache(int capacity)
    {
        int width = _c.NumKeyValueHeads * _c.HeadDim;
        return new SequenceCache(Device, capacity, [.. _c.Windows.Select(window => new KeyValueCache(Device, capacity, width, width, window))]);
    }
}
