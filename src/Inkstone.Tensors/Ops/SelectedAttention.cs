namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Attention of each query to keys that were chosen for it, one by one: sparse attention behind an indexer (DeepSeek-V3.2,
    /// arXiv:2512.02556, section 2.1).</summary>
    /// <remarks><code>
    /// forward   s_i = scale · q·k_(c_i)    p = softmax(s, sink)    o = Σ_i p_i v_(c_i)
    /// backward  dv_(c_i) += p_i do    ds_i = p_i (do·v_(c_i) − do·o)    dq = scale Σ_i ds_i k_(c_i)    dk_(c_i) += scale ds_i q    dsink =
    /// −p_sink do·o
    /// </code>In float32. The sink is one more score whose value is nothing.</remarks>
    /// <param name="q">[B, T, H·D]</param>
    /// <param name="keys">[..., ≥ Hkv·D], rows that queries of any batch row may have chosen; where they are recorded, B·S of them, of
    /// which row b of the batch chooses among its own S</param>
    /// <param name="values">[..., ≥ Hkv·Dv]; may be the keys themselves</param>
    /// <param name="chosen">int32 [B·T, K]: rows of keys, each at most once; −1 behind the last</param>
    /// <param name="heads">H</param>
    /// <param name="keyValueHeads">Hkv, a divisor of H</param>
    /// <param name="valueDim">Dv</param>
    /// <param name="scale">usually 1 / √D</param>
    /// <param name="sinks">[H]; null: none</param>
    /// <returns>[B, T, H·Dv]</returns>
    public static Tensor SelectedAttention(
        Tensor q,
        Tensor keys,
        Tensor values,
        Tensor chosen,
        int heads,
        int keyValueHeads,
        int valueDim,
        float scale,
        Tensor? sinks = null
    )
    {
        int dim = heads > 0 ? q.Shape.Last / heads : 0;
        if (
            dim <= 0
            || dim * heads != q.Shape.Last
            || q.Shape.Rank != 3
            || keyValueHeads <= 0
            || heads % keyValueHeads != 0
            || keys.Shape.Last < keyValueHeads * dim
            || valueDim <= 0
            || values.Shape.Last < keyValueHeads * valueDim
            || values.Shape.Rows != keys.Shape.Rows
            || chosen.Shape.Rank != 2
            || chosen.Shape[0] != q.Shape.Rows
        )
        {
            throw new ArgumentException(
                $"attention with {heads} heads on {keyValueHeads} does not fit q {q.Shape}, keys {keys.Shape}, values {values.Shape}, chosen {chosen.Shape}",
                nameof(heads)
            );
        }
        if (sinks is not null)
        {
            Check.Count(sinks, heads);
        }
        SelectedSizes sizes = new(q.Shape[0], q.Shape[1], keys.Shape.Rows, heads, keyValueHeads, dim, valueDim, chosen.Shape.Last, scale);
        Device device = q.Device;
        Tensor o = device.Rent(q.Shape.WithLast(heads * valueDim)),
            logSum = device.Rent(new Shape(q.Shape.Rows, heads));
        SelectedAttentionKernels.Forward(sizes, q, keys, values, chosen, sinks, o, logSum);
        if (device.Tape.Wants(q, keys, values) || device.Tape.Wants(sinks ?? q))
        {
            if (sizes.Keys % sizes.Batch != 0)
            {
                throw new ArgumentException($"{sizes.Keys} keys are not as many for each of {sizes.Batch} rows of a batch", nameof(keys));
            }
            device.Tape.Record<SelectedAttentionNode>(o).Set(sizes, q, keys, values, chosen, sinks, logSum);
        }
        else
        {
            logSum.Release();
        }
        return o;
    }

    private sealed class SelectedAttentionNode : Node
    {
        private SelectedSizes _sizes;
        private Tensor _q = null!,
            _keys = null!,
            _values = null!,
            _chosen = null!,
            _logSum = null!;
        private Tensor? _sinks;

        public void Set(SelectedSizes sizes, Tensor q, Tensor keys, Tensor values, Tensor chosen, Tensor? sinks, Tensor logSum) =>
            (_sizes, _q, _keys, _values, _chosen, _sinks, _logSum) = (sizes, q, keys, values, chosen, sinks, logSum);

        internal override void Backward() =>
            SelectedAttentionKernels.Backward(_sizes, _q, _keys, _values, _chosen, _sinks, Output, _logSum, OutputGrad);

        internal override void Release()
        {
            _logSum.Release();
            (_q, _keys, _values, _chosen, _sinks) = (null!, null!, null!, null!, null);
        }
    }
}

/// <summary>Sizes of one call. Keys: rows that are chosen from; Choices: K.</summary>
internal readonly record struct SelectedSizes(
    int Batch,
    int Length,
    int Keys,
    int Heads,
    int KeyValueHeads,
    int KeyDim,
    int ValueDim,
    int Choices,
    float Scale
)
{
    public int Group => Heads / KeyValueHeads;

    public double Flops => 2.0 * Batch * Length * Heads * Choices * (KeyDim + ValueDim);
}
