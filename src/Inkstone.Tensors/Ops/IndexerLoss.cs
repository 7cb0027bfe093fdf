namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// How far an indexer is from the attention that it chooses keys for: KL divergence of the softmax of its scores from the attention's
    /// own probabilities, summed over heads and divided by their sum,
    /// over the chosen keys; the mean over queries (DeepSeek-V3.2, arXiv:2512.02556, section 2.1.1). The attention counts as a constant.
    /// </summary>
    /// <remarks><code>
    /// forward   p = Σ_h softmax(scale · q_h·k) / H        π = softmax(I), I as in SelectKeys        loss = mean_t Σ_s p ln(p / π)
    /// backward  dI = (π − p) · dloss / rows        dw_j = Σ_s dI · relu(x_j) / √n        dx_j = dI · w_j / √n where x_j = q_j·k / √D is
    /// above 0
    /// </code></remarks>
    /// <param name="q">[B, T, H·D]: the attention's queries</param>
    /// <param name="keys">[B, S, Hkv·D]: the attention's keys</param>
    /// <param name="chosen">int32 [B·T, K]: see <see cref="SelectKeys"/></param>
    /// <param name="heads">H</param>
    /// <param name="keyValueHeads">Hkv</param>
    /// <param name="scale">of the attention's scores</param>
    /// <param name="indexQ">[B, T, n·Di]</param>
    /// <param name="weights">[B, T, n]</param>
    /// <param name="indexKeys">[B, S, Di]; with blocks each at its last token</param>
    /// <param name="logSum">[B·T, H]: logarithms of the attention's sums where it sees more than the chosen keys; p is then divided by its
    /// own sum. Null: it sees these alone</param>
    /// <param name="block">tokens that an index key stands for: probabilities are those of whole blocks, divided by their sum. The tokens
    /// behind the last whole block, fewer than a block, count for nothing</param>
    /// <returns>[1]</returns>
    public static Tensor IndexerLoss(
        Tensor q,
        Tensor keys,
        Tensor chosen,
        int heads,
        int keyValueHeads,
        float scale,
        Tensor indexQ,
        Tensor weights,
        Tensor indexKeys,
        Tensor? logSum = null,
        int block = 1
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        Device device = q.Device;
        int rows = q.Shape.Rows,
            indexDim = indexKeys.Shape.Last;
        if (
            q.Shape.Rank != 3
            || heads <= 0
            || q.Shape.Last % heads != 0
            || keyValueHeads <= 0
            || heads % keyValueHeads != 0
            || keys.Shape.Last != q.Shape.Last / heads * keyValueHeads
            || chosen.Shape.Rank != 2
            || chosen.Shape[0] != rows
            || indexKeys.Shape.Rows != keys.Shape.Rows
            || indexQ.Shape.Rows != rows
            || weights.Shape.Rows != rows
            || indexQ.Shape.Last != weights.Shape.Last * indexDim
        )
        {
            throw new ArgumentException(
                $"an indexer {indexQ.Shape}, {weights.Shape}, {indexKeys.Shape} does not fit q {q.Shape}, keys {keys.Shape}, chosen {chosen.Shape}",
                nameof(q)
            );
        }
        if (logSum is not null)
        {
            Check.Count(logSum, (long)rows * heads);
        }
        Tensor losses = device.Rent(new Shape(rows)),
            slopes = device.Rent(chosen.Shape),
            loss = device.Rent(new Shape(1));
        SelectedSizes sizes = new(
            q.Shape[0],
            q.Shape[1],
            keys.Shape.Rows,
            heads,
            keyValueHeads,
            q.Shape.Last / heads,
            1,
            chosen.Shape.Last,
            scale
        );
        IndexerLossKernels.Forward(sizes, block, q, keys, chosen, indexQ, weights, indexKeys, logSum, losses, slopes);
        double sum = 0;
        foreach (float part in losses.Span)
        {
            sum += part;
        }
        loss.Span[0] = (float)(sum / rows);
        losses.Release();
        if (device.Tape.Wants(indexQ, weights, indexKeys))
        {
            device.Tape.Record<IndexerLossNode>(loss).Set(sizes, block, chosen, indexQ, weights, indexKeys, slopes);
        }
        else
        {
            slopes.Release();
        }
        return loss;
    }

    private sealed class IndexerLossNode : Node
    {
        private SelectedSizes _sizes;
        private int _block;
        private Tensor _chosen = null!,
            _q = null!,
            _weights = null!,
            _keys = null!,
            _slopes = null!;

        public void Set(SelectedSizes sizes, int block, Tensor chosen, Tensor q, Tensor weights, Tensor keys, Tensor slopes) =>
            (_sizes, _block, _chosen, _q, _weights, _keys, _slopes) = (sizes, block, chosen, q, weights, keys, slopes);

        internal override void Backward() =>
            IndexerLossKernels.Backward(_sizes, _block, _chosen, _q, _weights, _keys, _slopes, OutputGrad.Item());

        internal override void Release()
        {
            _slopes.Release();
            (_chosen, _q, _weights, _keys) = (null!, null!, null!, null!);
        }
    }
}
