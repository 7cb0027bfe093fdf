using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>
/// The attention of one layer to one text, which attention itself never writes down: softmax(scale · q·kᵀ) of each head, causal, within the
/// layer's window, computed anew in double precision.
/// A layer that does not go through <see cref="ForwardContext.Attend"/> (linear attention, chosen keys) leaves it empty.
/// </summary>
/// <param name="layer">the layer</param>
public sealed class AttentionProbe(int layer)
{
    /// <summary>Heads that were seen; 0: none.</summary>
    public int Heads { get; private set; }

    /// <summary>[H, T, T]: how much the token of each row looks at that of each column. A row of a model with sinks adds up to less than
    /// 1.</summary>
    public float[] Weights { get; private set; } = [];

    internal void Look(int at, Tensor q, Tensor k, AttentionSpec spec, Tensor? sinks)
    {
        if (at != layer)
        {
            return;
        }
        int length = q.Shape[1],
            width = q.Shape.Last / spec.Heads,
            keyWidth = k.Shape.Last;
        float[] queries = q.ToArray(),
            keys = k.ToArray(),
            sink = sinks?.ToArray() ?? [];
        (Heads, Weights) = (spec.Heads, new float[spec.Heads * length * length]);
        double[] scores = new double[length];
        for (int head = 0; head < spec.Heads; head++)
        {
            int keyHead = head / (spec.Heads / spec.KeyValueHeads);
            for (int row = 0; row < length; row++)
            {
                int first = spec.Window is { } window ? Math.Max(0, row - window + 1) : 0;
                double greatest = sink.Length > 0 ? sink[head] : double.NegativeInfinity;
                for (int column = first; column <= row; column++)
                {
                    double score = 0;
                    for (int i = 0; i < width; i++)
                    {
                        score +=
                            (double)queries[(((row * spec.Heads) + head) * width) + i] * keys[(column * keyWidth) + (keyHead * width) + i];
                    }
                    score *= spec.Scale;
                    scores[column] = spec.SoftCap > 0 ? spec.SoftCap * Math.Tanh(score / spec.SoftCap) : score;
                    greatest = Math.Max(greatest, scores[column]);
                }
                double sum = sink.Length > 0 ? Math.Exp(sink[head] - greatest) : 0;
                for (int column = first; column <= row; column++)
                {
                    sum += scores[column] = Math.Exp(scores[column] - greatest);
                }
                for (int column = first; column <= row; column++)
                {
                    Weights[(((head * length) + row) * length) + column] = (float)(scores[column] / sum);
                }
            }
        }
    }
}
