using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>
/// Makes one entry of each group of r tokens: their values, weighed by a softmax over the group that each channel has for itself, normed,
/// and turned to the place of the group's first token.
/// Where groups overlap, an entry mixes the group before too, with channels of its own.
/// </summary>
/// <param name="s">its place</param>
/// <param name="c">the model's sizes</param>
/// <param name="width">numbers of an entry</param>
/// <param name="rate">r</param>
/// <param name="overlaps">whether groups overlap</param>
internal sealed class Compressor(Scope s, DeepseekV4Config c, int width, int rate, bool overlaps)
{
    private readonly Linear _kv = new(s["wkv"], c.HiddenSize, Channels(width, overlaps)),
        _gate = new(s["wgate"], c.HiddenSize, Channels(width, overlaps));
    private readonly Tensor _ape = s.Parameter("ape", new Shape(rate, Channels(width, overlaps)), Initial.Zeros);
    private readonly RmsNorm _norm = new(s["norm"], width, c.RmsNormEps);

    /// <summary>x: [B, T, C], normed; the entries of complete groups, [B, E, width]. With <paramref name="ring"/> tokens go on behind those
    /// of the rows' caches.</summary>
    public Tensor Entries(Tensor x, TokenGroups groups, Tensor? ring, RaggedRows rows)
    {
        Tensor kv = _kv.Forward(x),
            gate = _gate.Forward(x);
        Tensor entries = _norm.Forward(Ops.CompressGroups(kv, gate, _ape, groups, width, ring));
        if (ring is not null)
        {
            Ops.KeepInRing(kv, gate, ring, rows);
        }
        return Ops.Rope(entries, 1, groups.Positions, c.Compress, width - c.Compress.RotaryDim, interleaved: true);
    }

    private static int Channels(int width, bool overlaps) => overlaps ? 2 * width : width;
}
