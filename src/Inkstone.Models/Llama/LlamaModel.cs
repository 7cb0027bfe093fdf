using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Llama;

/// <summary>Grouped-query attention (arXiv:2305.13245) with rotary positions (arXiv:2104.09864).</summary>
public sealed class LlamaAttention(LlamaConfig c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.NumAttentionHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.NumAttentionHeads * c.HeadDim, c.HiddenSize, c.AttentionBias);
    private readonly float _scale = 1 / MathF.Sqrt(c.HeadDim);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor q = Ops.Rope(_q.Forward(x), c.NumAttentionHeads, ctx.Positions, rotary);         // [B, T, H·D]
        Tensor k = Ops.Rope(_k.Forward(x), c.NumKeyValueHeads, ctx.Positions, rotary);          // [B, T, Hkv·D]
        Tensor v = _v.Forward(x);                                                               // [B, T, Hkv·D]
        (k, v) = ctx.Cache?.Layer<KeyValueCache>(layer).Append(k, v) ?? (k, v);                 // [B, S, Hkv·D]

        Tensor y = Ops.Attention(q, k, v, c.NumAttentionHeads, c.NumKeyValueHeads, _scale, ctx.DocumentStarts);
        return _o.Forward(y, residual);                                                         // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block of Llama 3 (arXiv:2407.21783, section 3.2).</summary>
public sealed class LlamaBlock(LlamaConfig c, int layer, Scope s, RotaryTable rotary) : IBlock<ForwardContext>
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly LlamaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, c.MlpBias);

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _mlp.Forward(_postAttentionNorm.ForwardCompact(h), residual: h);
    }
}

/// <summary>Llama 3 and its relatives: embedding, blocks, norm, output head.</summary>
public sealed class LlamaModel : CausalLm
{
    private readonly LlamaConfig _c;
    private readonly Embedding _embedding;
    private readonly LlamaBlock[] _blocks;
    private readonly RmsNorm _norm;

    /// <summary>Builds the model from the parameters that <paramref name="root"/> hands out.</summary>
    public LlamaModel(HfConfig config, Scope root) : base(config, root)
    {
        _c = LlamaConfig.From(config);
        RotaryTable rotary = Rotary.From(config, _c.HeadDim);
        Scope s = root["model"];
        _embedding = new Embedding(s["embed_tokens"], _c.VocabSize, _c.HiddenSize);
        _blocks = [.. Enumerable.Range(0, _c.NumHiddenLayers).Select(i => new LlamaBlock(_c, i, s["layers"][i], rotary))];
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
        foreach (LlamaBlock block in _blocks)
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
        return new SequenceCache(Device, capacity, [.. _blocks.Select(_ => new KeyValueCache(Device, capacity, width, width))]);
    }
}
