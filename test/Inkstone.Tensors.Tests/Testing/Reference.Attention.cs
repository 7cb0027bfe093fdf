namespace Inkstone.Tensors.Tests;

/// <summary>Sizes of an attention problem. B: batch, T: queries, S: keys, H: heads, Hkv: key-value heads, D: head dimension of q and k, Dv:
/// of v.</summary>
internal sealed record AttentionProblem(int B, int T, int S, int H, int Hkv, int D, int Dv);

internal static partial class Reference
{
    /// <summary>Causal grouped-query attention: query t stands at position S − T + t and sees the keys from its document's start up to
    /// itself, a window of them at most. Scores may be capped, and a sink may join each head's softmax.</summary>
    public static double[] Attention(
        double[] q,
        double[] k,
        double[] v,
        AttentionProblem n,
        double scale,
        int[]? documentStarts = null,
        int window = int.MaxValue,
        double softCap = 0,
        double[]? sinks = null
    )
    {
        double[] y = new double[n.B * n.T * n.H * n.Dv];
        for (int b = 0; b < n.B; b++)
        {
            for (int t = 0; t < n.T; t++)
            {
                int last = n.S - n.T + t,
                    first = Math.Max(documentStarts?[b * n.T + t] ?? 0, last - window + 1);
                for (int h = 0; h < n.H; h++)
                {
                    int kv = h / (n.H / n.Hkv);
                    double[] scores = new double[last - first + 1];
                    for (int s = first; s <= last; s++)
                    {
                        for (int i = 0; i < n.D; i++)
                        {
                            scores[s - first] += q[((b * n.T + t) * n.H + h) * n.D + i] * k[((b * n.S + s) * n.Hkv + kv) * n.D + i] * scale;
                        }
                    }
                    if (softCap > 0)
                    {
                        scores = Array.ConvertAll(scores, s => softCap * Math.Tanh(s / softCap));
                    }
                    scores = sinks is null ? scores : [.. scores, sinks[h]];
                    double[] p = Softmax(scores, scores.Length);
                    for (int s = first; s <= last; s++)
                    {
                        for (int i = 0; i < n.Dv; i++)
                        {
                            y[((b * n.T + t) * n.H + h) * n.Dv + i] += p[s - first] * v[((b * n.S + s) * n.Hkv + kv) * n.Dv + i];
                        }
                    }
                }
            }
        }
        return y;
    }
}
