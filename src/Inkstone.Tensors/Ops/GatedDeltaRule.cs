namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Gated delta rule (arXiv:2412.06464): a matrix state per head forgets by e^g, and what it holds under k moves by β towards v.
    /// Chunks of 64 tokens are computed at once by products (arXiv:2406.06484), a few tokens one after the other; both give the same.
    /// </summary>
    /// <remarks><code>
    /// tokens    q̂ = q / ‖q‖ / √D    k̂ = k / ‖k‖    S' = e^g · S    u = β · (v − S'ᵀ k̂)    S = S' + k̂ uᵀ    o = Sᵀ q̂
    /// chunks    γ_i = Σ_(j≤i) g_j    D_ij = e^(γ_i − γ_j) for j ≤ i of one document, else 0
    ///           c_i = e^γ_i where the state before the chunk is seen    e_i = e^(γ_C − γ_i) where the state behind it sees i
    ///           A_ij = β_i D_ij k̂_i·k̂_j, j &lt; i    (I + A) U = β∘(V − c∘K̂S)    P_ij = D_ij q̂_i·k̂_j
    ///           O = c∘Q̂S + P U    S ← c_C S + K̂ᵀ(e∘U)
    /// backward  from the last chunk to the first, dS behind a chunk giving dS before it:
    ///           dU = Pᵀ dO + e∘K̂ dS    (I + A)ᵀ dR = dU    dA = −dR Uᵀ    dP = dO Uᵀ    dV = β∘dR
    /// </code>Queries and keys are divided by √(Σx² + 1e-6). A state begins at zero with each document.</remarks>
    /// <param name="qkv">[B, T, 2·Hk·D + Hv·Dv]: all heads' queries, then keys, then values</param>
    /// <param name="logDecay">g ≤ 0: [B, T, Hv]</param>
    /// <param name="beta">β: [B, T, Hv]</param>
    /// <param name="keyHeads">Hk, a divisor of Hv; consecutive value heads share a key head</param>
    /// <param name="keyDim">D</param>
    /// <param name="documentStarts">int32 [B, T]: index in the row of the first token of each token's document; null when rows are one
    /// document</param>
    /// <returns>[B, T, Hv·Dv]</returns>
    public static Tensor GatedDeltaRule(Tensor qkv, Tensor logDecay, Tensor beta, int keyHeads, int keyDim, Tensor? documentStarts = null)
    {
        DeltaSizes sizes = DeltaSizes.Infer(qkv, logDecay, keyHeads, keyDim);
        Check.Same(logDecay, beta);
        Device device = qkv.Device;
        bool wanted = device.Tape.Wants(qkv, logDecay, beta);
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, (long)sizes.Batch * sizes.Length);
        }
        Tensor o = device.Rent(new Shape(sizes.Batch, sizes.Length, sizes.ValueHeads * sizes.ValueDim));
        Tensor? states = wanted ? device.Rent(new Shape(sizes.Batch, sizes.ValueHeads, sizes.Chunks, sizes.StateCount)) : null;
        GatedDeltaRuleKernels.Forward(device, sizes, qkv, logDecay, beta, documentStarts, states, o);
        if (wanted)
        {
            device.Tape.Record<GatedDeltaRuleNode>(o).Set(sizes, qkv, logDecay, beta, documentStarts, states!);
        }
        return o;
    }

    /// <summary>The same for sequences that go on from earlier tokens: a few tokens one after the other, more of them in chunks. Not
    /// recorded.</summary>
    /// <param name="qkv">[1, ΣT, 2·Hk·D + Hv·Dv]</param>
    /// <param name="logDecay">[1, ΣT, Hv]</param>
    /// <param name="beta">[1, ΣT, Hv]</param>
    /// <param name="keyHeads">Hk</param>
    /// <param name="keyDim">D</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="state">[slots, Hv, D, Dv]: of each sequence the state before its first token, replaced by the one behind its
    /// last</param>
    /// <returns>[1, ΣT, Hv·Dv]</returns>
    public static Tensor GatedDeltaRule(Tensor qkv, Tensor logDecay, Tensor beta, int keyHeads, int keyDim, RaggedRows rows, Tensor state)
    {
        DeltaSizes sizes = DeltaSizes.Infer(qkv, logDecay, keyHeads, keyDim);
        Check.Same(logDecay, beta);
        if (qkv.Device.Tape.Wants(qkv, logDecay, beta))
        {
            throw new ArgumentException("a delta rule that goes on from earlier tokens has no backward pass", nameof(state));
        }
        rows.Check(sizes.Batch * sizes.Length);
        rows.CheckSlots(state, (long)sizes.ValueHeads * sizes.StateCount);
        Tensor o = qkv.Device.Rent(new Shape(1, sizes.Length, sizes.ValueHeads * sizes.ValueDim));
        GatedDeltaRuleKernels.Continue(sizes, qkv, logDecay, beta, rows, state, o);
        return o;
    }

    private sealed class GatedDeltaRuleNode : Node
    {
        private DeltaSizes _sizes;
        private Tensor _qkv = null!,
            _logDecay = null!,
            _beta = null!,
            _states = null!;
        private Tensor? _documentStarts;

        public void Set(DeltaSizes sizes, Tensor qkv, Tensor logDecay, Tensor beta, Tensor? documentStarts, Tensor states) =>
            (_sizes, _qkv, _logDecay, _beta, _documentStarts, _states) = (sizes, qkv, logDecay, beta, documentStarts, states);

        internal override void Backward() =>
            GatedDeltaRuleKernels.Backward(_sizes, _qkv, _logDecay, _beta, _documentStarts, _states, OutputGrad);

        internal override void Release() => _states.Release();
    }
}

/// <summary>Sizes of one call. Group: value heads that share a key head.</summary>
internal readonly record struct DeltaSizes(int Batch, int Length, int KeyHeads, int ValueHeads, int KeyDim, int ValueDim)
{
    /// <summary>Tokens of a chunk.</summary>
    public const int Chunk = 64;

    public int Group => ValueHeads / KeyHeads;

    public int Chunks => (Length + Chunk - 1) / Chunk;

    public int StateCount => KeyDim * ValueDim;

    /// <summary>Columns of qkv.</summary>
    public int Width => 2 * KeyHeads * KeyDim + ValueHeads * ValueDim;

    /// <summary>Multiply-adds of the forward pass, counted as two operations.</summary>
    public double Flops =>
        2.0 * Batch * Length * (KeyHeads * 2.0 * Chunk * KeyDim + ValueHeads * (3.0 * StateCount + 1.5 * Chunk * ValueDim));

    public static DeltaSizes Infer(Tensor qkv, Tensor logDecay, int keyHeads, int keyDim)
    {
        int valueHeads = logDecay.Shape.Last,
            values = qkv.Shape.Last - 2 * keyHeads * keyDim;
        return
            qkv.Shape.Rank == 3
            && logDecay.Shape.Rank == 3
            && logDecay.Shape[0] == qkv.Shape[0]
            && logDecay.Shape[1] == qkv.Shape[1]
            && keyHeads > 0
            && keyDim > 0
            && valueHeads % keyHeads == 0
            && values > 0
            && values % valueHeads == 0
            ? new DeltaSizes(qkv.Shape[0], qkv.Shape[1], keyHeads, valueHeads, keyDim, values / valueHeads)
            : throw new ArgumentException(
                $"a delta rule with {keyHeads} key heads of {keyDim} does not fit qkv {qkv.Shape}, decay {logDecay.Shape}",
                nameof(qkv)
            );
    }
}
