using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>Decoder block over n residual streams, [B, T, n·C] → [B, T, n·C]: attention, then experts with one that every token
/// uses.</summary>
internal sealed class DeepseekV4Block : IDecoderBlock
{
    private static readonly (string Gate, string Up, string Down) Names = ("w1", "w3", "w2");

    private readonly HyperConnection _attentionStreams,
        _expertStreams;
    private readonly RmsNorm _attentionNorm,
        _expertNorm;
    private readonly DeepseekV4Attention _attention;
    private readonly SparseExperts _experts;
    private readonly SwiGlu _shared;

    /// <summary>Builds the block.</summary>
    public DeepseekV4Block(DeepseekV4Config c, LayerKind kind, bool hashed, int layer, int entryLayer, Scope s)
    {
        _attentionStreams = new HyperConnection(s, "hc_attn", c.HiddenSize, c.Streams);
        _attentionNorm = new RmsNorm(s["attn_norm"], c.HiddenSize, c.RmsNormEps);
        _attention = new DeepseekV4Attention(c, kind, layer, entryLayer, s["attn"]);
        _expertStreams = new HyperConnection(s, "hc_ffn", c.HiddenSize, c.Streams);
        _expertNorm = new RmsNorm(s["ffn_norm"], c.HiddenSize, c.RmsNormEps);
        Scope ffn = s["ffn"];
        _experts = new SparseExperts(
            ffn,
            new SparseExpertsSettings(c.HiddenSize, c.ExpertSize, c.Experts, c.Scoring, c.Routing, CorrectionBias: !hashed)
            {
                CorrectionName = "bias",
                HashedVocabulary = hashed ? c.VocabSize : 0,
                Limit = c.SwigluLimit,
                SoftmaxBalance = !hashed && c.RouterAuxLoss is not null,
                Names = Names,
            }
        );
        _shared = new SwiGlu(ffn["shared_experts"], c.HiddenSize, c.ExpertSize, names: Names, limit: c.SwigluLimit);
        long streams = 2L * (2 * c.Streams.Streams * c.HiddenSize + 2 * (2 + c.Streams.Streams) * c.Streams.Streams + 2 * c.HiddenSize);
        long attention =
            2L * c.QLoraRank
            + 5L * c.Heads * c.HeadDim
            + 3L * c.HeadDim
            + c.OGroups * c.OLoraRank
            + c.SlidingWindow
            + (kind == LayerKind.Sliding ? 0 : 8L * c.HeadDim);
        long index = kind == LayerKind.Sparse ? 2L * c.Index.Heads * c.Index.HeadDim + 8L * c.Index.HeadDim + c.Index.TopK : 0;
        ActivationsPerToken = streams + attention + index + c.Routing.TopK * (3L * c.ExpertSize + 2L * c.HiddenSize) + 3L * c.ExpertSize;
    }

    /// <summary>Who chooses entries, or null.</summary>
    public EntryIndexer? Indexer => _attention.Indexer;

    /// <inheritdoc/>
    public ICacheSpec Cache => _attention.Window;

    /// <summary>What it keeps of entries, or null.</summary>
    public ICacheSpec? Entries => _attention.Entries;

    /// <inheritdoc/>
    public long ActivationsPerToken { get; }

    /// <inheritdoc/>
    public ExpertRouter Router => _experts.Router;

    /// <summary>x: [B, T, n·C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor read = _attentionStreams.Read(x, out Tensor weights);
        x = _attentionStreams.Write(x, _attention.Forward(_attentionNorm.Forward(read), ctx), weights);
        Tensor y = _expertNorm.Forward(_expertStreams.Read(x, out weights));
        return _expertStreams.Write(x, _experts.Forward(y, residual: _shared.Forward(y), ctx.AttentionMask, ctx.Ids), weights);
    }
}
