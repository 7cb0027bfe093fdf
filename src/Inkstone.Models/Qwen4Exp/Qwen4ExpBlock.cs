using Inkstone.Models.Qwen35;
using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>A layer on residual streams: n-grams where it has them, Qwen3.5's delta net or gated attention to chosen blocks, experts with a
/// shared one. Streams are read through gates; nothing else is normed.</summary>
internal sealed class Qwen4ExpBlock : IDecoderBlock
{
    private readonly int _streams;
    private readonly PerLayerEmbedding? _ngrams;
    private readonly StreamReader _attentionReader,
        _expertReader;
    private readonly Qwen35DeltaNet? _linear;
    private readonly GatedAttention? _attention;
    private readonly SharedSparseExperts _experts;

    /// <summary>Builds the block of a layer at <paramref name="s"/>.</summary>
    public Qwen4ExpBlock(Qwen4ExpConfig c, int layer, Scope s, RotaryTable rotary)
    {
        Qwen3NextConfig core = c.Core;
        _streams = c.Streams;
        NgramSpec? ngrams = c.Ngrams is { } some && some.Layers.Contains(layer) ? some : null;
        _ngrams = ngrams is null ? null : new PerLayerEmbedding(c, ngrams, layer, s["ple"]);
        _attentionReader = new StreamReader(c, s["attn_hyper_connection"], injects: true);
        if (core.Linear[layer])
        {
            _linear = new Qwen35DeltaNet(core, layer, s["linear_attn"], c.SigmoidGate);
            Cache = ngrams is null ? core.Delta : new NgramDeltaSpec(core.Delta, ngrams.Size - 1, ngrams.History, c.Width);
        }
        else
        {
            Indexer = new BlockIndexer(core, c.Index!, layer, s["self_attn"]["indexer"], rotary);
            _attention = new GatedAttention(core, layer, s["self_attn"], rotary, Indexer);
            Cache = new IndexedAttentionSpec(core.Attention, c.Index!.HeadDim);
        }
        _expertReader = new StreamReader(c, s["mlp_hyper_connection"], injects: true);
        _experts = new SharedSparseExperts(
            s["mlp"],
            new SparseExpertsSettings(
                core.HiddenSize,
                core.MoeIntermediateSize,
                core.NumExperts,
                RouterScoring.Softmax,
                new RoutingRule(core.NumExpertsPerTok, Normalise: core.NormTopkProb)
            ),
            core.SharedExpertIntermediateSize
        );
        long read = 5L * c.Width + 3L * c.LowRank + 4L * c.Streams + core.HiddenSize;
        long ngram = ngrams is null ? 0 : 9L * c.Width + ngrams.Width + core.HiddenSize;
        long attention =
            _linear?.ActivationsPerToken
            ?? 6L * core.Attention.QueryWidth + 3L * core.Attention.KeyWidth + c.Index!.Budget + (3L * c.Index.Heads + 4) * c.Index.HeadDim;
        long experts =
            core.NumExpertsPerTok * (5L * core.MoeIntermediateSize + 2L * core.HiddenSize)
            + 3L * core.SharedExpertIntermediateSize
            + 2L * core.HiddenSize;
        ActivationsPerToken = ngram + 2 * read + attention + experts;
    }

    /// <summary>Who chooses what attention sees, or null.</summary>
    public BlockIndexer? Indexer { get; }

    /// <summary>Share of rows of the n-grams' tables that a token asks for; 1 without tables.</summary>
    public double TableShare => _ngrams?.ActiveShare ?? 1;

    /// <inheritdoc/>
    public ICacheSpec Cache { get; }

    /// <inheritdoc/>
    public long ActivationsPerToken { get; }

    /// <inheritdoc/>
    public ExpertRouter? Router => _experts.Router;

    /// <summary>x: [B, T, n·C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        x = _ngrams?.Forward(x, ctx) ?? x;
        Tensor u = _attentionReader.Read(x, out Tensor? inject);
        Tensor y = _linear?.Forward(u, ctx, residual: null) ?? _attention!.Forward(u, ctx, residual: null);
        x = Ops.StreamUpdate(x, y, _streams, inject!);
        u = _expertReader.Read(x, out inject);
        return Ops.StreamUpdate(x, _experts.Forward(u, residual: null, ctx.AttentionMask), _streams, inject!);
    }
}
