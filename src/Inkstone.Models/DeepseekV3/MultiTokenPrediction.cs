using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>
/// One module that predicts a token further ahead (arXiv:2412.19437, section 2.2): what the model made of token i and the embedding of
/// token i + k become
/// the input of a block of its own. Embedding and output head are the model's.
/// </summary>
/// <param name="c">sizes</param>
/// <param name="layer">its number behind the layers</param>
/// <param name="module">its number among the modules, where a cache of these holds its tokens</param>
/// <param name="s">its place</param>
/// <param name="rotary">positions</param>
internal sealed class MultiTokenPrediction(DeepseekV3Config c, int layer, int module, Scope s, RotaryTable rotary)
{
    private readonly RmsNorm _embeddingNorm = new(s["enorm"], c.HiddenSize, c.RmsNormEps);
    private readonly RmsNorm _hiddenNorm = new(s["hnorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Linear _join = new(s["eh_proj"], 2 * c.HiddenSize, c.HiddenSize);

    /// <summary>What stands behind the block.</summary>
    public RmsNorm Norm { get; } = new(s["shared_head"]["norm"], c.HiddenSize, c.RmsNormEps);

    /// <summary>Its block.</summary>
    public DeepseekV3Block Block { get; } = new(c, module, s, rotary, sparse: !c.MtpDenseBlock && c.IsSparse(layer));

    /// <summary>The block's input, [B, T, C]. hidden: [B, T, C] of the model or of the module before; embedded: [B, T, C] of the tokens one
    /// further on.</summary>
    public Tensor Join(Tensor hidden, Tensor embedded) =>
        _join.Forward(Ops.JoinHeads(_embeddingNorm.Forward(embedded), 1, c.HiddenSize, _hiddenNorm.Forward(hidden))); // [B, T, 2C] → [B, T, C]
}
