namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Attention of every head to the same keys, which are their own values (DeepSeek-V4): to some rows of <paramref name="near"/>, tokens
    /// of a window, and to some of <paramref name="far"/>, entries that
    /// stand for groups of tokens, in one softmax with one more score of each head whose value is nothing.
    /// </summary>
    /// <remarks><code>
    /// forward   s_i = scale · q·k_i        p = softmax(s, sink)        o = Σ_i p_i k_i
    /// backward  ds_i = p_i (do·k_i − do·o)        dq = scale Σ_i ds_i k_i        dk_i = Σ_heads scale ds_i q + p_i do        dsink =
    /// −p_sink do·o
    /// </code>In float32.</remarks>
    /// <param name="q">[B, T, H·D]</param>
    /// <param name="near">[..., ≥ D]</param>
    /// <param name="nearRows">int32 [B·T, K]: rows of <paramref name="near"/>, each at most once; −1 behind the last. At least one for
    /// every query</param>
    /// <param name="far">[..., ≥ D]; null: none</param>
    /// <param name="farRows">int32 [B·T, K']: the same of <paramref name="far"/></param>
    /// <param name="heads">H</param>
    /// <param name="scale">usually 1 / √D</param>
    /// <param name="sinks">[H]</param>
    /// <param name="logSum">[B·T, H]: logarithm of each softmax's sum, for as long as the step lasts and the result is not walked
    /// back</param>
    /// <returns>[B, T, H·D]</returns>
    public static Tensor SharedKeyAttention(
        Tensor q,
        Tensor near,
        Tensor nearRows,
        Tensor? far,
        Tensor? farRows,
        int heads,
        float scale,
        Tensor sinks,
        out Tensor logSum
    )
    {
        int dim = heads > 0 ? q.Shape.Last / heads : 0;
        if (
            dim <= 0
            || dim * heads != q.Shape.Last
            || q.Shape.Rank != 3
            || near.Shape.Last < dim
            || nearRows.Shape.Rank != 2
            || nearRows.Shape[0] != q.Shape.Rows
            || (far is null) != (farRows is null)
            || (far is not null && (far.Shape.Last < dim || farRows!.Shape.Rank != 2 || farRows.Shape[0] != q.Shape.Rows))
        )
        {
            throw new ArgumentException(
                $"attention with {heads} heads does not fit q {q.Shape}, near {near.Shape}, {nearRows.Shape}, far {far?.Shape}, {farRows?.Shape}",
                nameof(heads)
            );
        }
        Check.Count(sinks, heads);
        Device device = q.Device;
        Tensor o = device.Rent(q.Shape);
        logSum = device.Rent(new Shape(q.Shape.Rows, heads));
        SharedKeySizes sizes = new(q.Shape[0], q.Shape[1], heads, dim, nearRows.Shape.Last, farRows?.Shape.Last ?? 0, scale);
        SharedKeyKernels.Forward(sizes, q, near, nearRows, far, farRows, sinks, o, logSum);
        if (device.Tape.Wants(q, near, far ?? q) || device.Tape.Wants(sinks))
        {
            device.Tape.Record<SharedKeyAttentionNode>(o).Set(sizes, q, near, nearRows, far, farRows, sinks, logSum);
        }
        return o;
    }

    private sealed class SharedKeyAttentionNode : Node
    {
        private SharedKeySizes _sizes;
        private Tensor _q = null!,
            _near = null!,
            _nearRows = null!,
            _sinks = null!,
            _logSum = null!;
        private Tensor? _far,
            _farRows;

        public void Set(
            SharedKeySizes sizes,
            Tensor q,
            Tensor near,
            Tensor nearRows,
            Tensor? far,
            Tensor? farRows,
            Tensor sinks,
            Tensor logSum
        ) => (_sizes, _q, _near, _nearRows, _far, _farRows, _sinks, _logSum) = (sizes, q, near, nearRows, far, farRows, sinks, logSum);

        internal override void Backward() =>
            SharedKeyKernels.Backward(_sizes, _q, _near, _nearRows, _far, _farRows, _sinks, Output, _logSum, OutputGrad);

        internal override void Release()
        {
            _logSum.Release();
            (_q, _near, _nearRows, _sinks, _logSum, _far, _farRows) = (null!, null!, null!, null!, null!, null, null);
        }
    }
}

/// <summary>Sizes of one call. Near, Far: rows that a query may name of each kind.</summary>
internal readonly record struct SharedKeySizes(int Batch, int Length, int Heads, int Dim, int Near, int Far, float Scale)
{
    public double Flops => 4.0 * Batch * Length * Heads * (Near + Far) * Dim;
}
