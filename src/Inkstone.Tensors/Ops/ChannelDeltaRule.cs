namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Delta rule whose state forgets channel by channel of the key (Kimi Delta Attention, arXiv:2510.26692, section 3): each row of a
    /// head's matrix S has a decay of its own.
    /// </summary>
    /// <remarks><code>
    /// forward   q̂ = q / ‖q‖ / √D    k̂ = k / ‖k‖    S' = diag(e^g) S    u = v − S'ᵀ k̂    S = S' + k̂ (βu)ᵀ    o = Sᵀ q̂
    /// backward  dS += q̂ doᵀ    dw = dSᵀ k̂    dβ = dw·u    dv = β dw    dr = −dv    dq̂ = S do
    ///           dk̂ = dS (βu) + S' dr    dS' = dS + k̂ drᵀ    dg = rowsum(dS' ∘ S')    dS (one token earlier) = diag(e^g) dS'
    /// </code>Queries and keys are divided by √(Σx² + 1e-6). A state begins at zero with each document.</remarks>
    /// <param name="q">[B, T, H·D]</param>
    /// <param name="k">[B, T, H·D]</param>
    /// <param name="v">[B, T, H·Dv]</param>
    /// <param name="logDecay">g ≤ 0: [B, T, H·D]</param>
    /// <param name="beta">β: [B, T, H]</param>
    /// <param name="documentStarts">int32 [B, T]: index in the row of the first token of each token's document; null when rows are one
    /// document</param>
    /// <returns>[B, T, H·Dv]</returns>
    public static Tensor ChannelDeltaRule(Tensor q, Tensor k, Tensor v, Tensor logDecay, Tensor beta, Tensor? documentStarts = null)
    {
        ChannelDeltaSizes sizes = ChannelDeltaSizes.Infer(q, k, v, logDecay, beta);
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, (long)sizes.Batch * sizes.Length);
        }
        Device device = q.Device;
        bool wanted = device.Tape.Wants(q, k, v) || device.Tape.Wants(logDecay, beta);
        Tensor o = device.Rent(v.Shape);
        Tensor? states = wanted ? device.Rent(new Shape(sizes.Batch, sizes.Heads, sizes.Chunks, sizes.StateCount)) : null;
        ChannelDeltaRuleKernels.Forward(sizes, new ChannelDeltaInputs(q, k, v, logDecay, beta), documentStarts, states, o);
        if (wanted)
        {
            device
                .Tape.Record<ChannelDeltaRuleNode>(o)
                .Set(sizes, new ChannelDeltaInputs(q, k, v, logDecay, beta), documentStarts, states!);
        }
        return o;
    }

    /// <summary>The same for sequences that go on from earlier tokens. Not recorded.</summary>
    /// <param name="q">[1, ΣT, H·D]</param>
    /// <param name="k">[1, ΣT, H·D]</param>
    /// <param name="v">[1, ΣT, H·Dv]</param>
    /// <param name="logDecay">[1, ΣT, H·D]</param>
    /// <param name="beta">[1, ΣT, H]</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="state">[slots, H, D, Dv]: of each sequence the state before its first token, replaced by the one behind its
    /// last</param>
    /// <returns>[1, ΣT, H·Dv]</returns>
    public static Tensor ChannelDeltaRule(Tensor q, Tensor k, Tensor v, Tensor logDecay, Tensor beta, RaggedRows rows, Tensor state)
    {
        ChannelDeltaSizes sizes = ChannelDeltaSizes.Infer(q, k, v, logDecay, beta);
        if (q.Device.Tape.Wants(q, k, v) || q.Device.Tape.Wants(logDecay, beta))
        {
            throw new ArgumentException("a delta rule that goes on from earlier tokens has no backward pass", nameof(state));
        }
        rows.Check(sizes.Batch * sizes.Length);
        rows.CheckSlots(state, (long)sizes.Heads * sizes.StateCount);
        Tensor o = q.Device.Rent(v.Shape);
        ChannelDeltaRuleKernels.Continue(sizes, new ChannelDeltaInputs(q, k, v, logDecay, beta), rows, state, o);
        return o;
    }

    private sealed class ChannelDeltaRuleNode : Node
    {
        private ChannelDeltaSizes _sizes;
        private ChannelDeltaInputs _inputs;
        private Tensor _states = null!;
        private Tensor? _documentStarts;

        public void Set(ChannelDeltaSizes sizes, ChannelDeltaInputs inputs, Tensor? documentStarts, Tensor states) =>
            (_sizes, _inputs, _documentStarts, _states) = (sizes, inputs, documentStarts, states);

        internal override void Backward() => ChannelDeltaRuleKernels.Backward(_sizes, _inputs, _documentStarts, _states, OutputGrad);

        internal override void Release()
        {
            _states.Release();
            (_inputs, _documentStarts, _states) = (default, null, null!);
        }
    }
}

/// <summary>The five inputs of one call.</summary>
internal readonly record struct ChannelDeltaInputs(Tensor Q, Tensor K, Tensor V, Tensor LogDecay, Tensor Beta);

/// <summary>Sizes of one call.</summary>
internal readonly record struct ChannelDeltaSizes(int Batch, int Length, int Heads, int KeyDim, int ValueDim)
{
    /// <summary>Tokens between two states that are kept for the backward pass.</summary>
    public const int Chunk = 32;

    public int Chunks => (Length + Chunk - 1) / Chunk;

    public int StateCount => KeyDim * ValueDim;

    /// <summary>Multiply-adds of the forward pass, counted as two operations.</summary>
    public double Flops => 7.0 * Batch * Length * Heads * StateCount;

    public static ChannelDeltaSizes Infer(Tensor q, Tensor k, Tensor v, Tensor logDecay, Tensor beta)
    {
        int heads = beta.Shape.Last;
        bool fits =
            q.Shape.Rank == 3
            && k.Shape == q.Shape
            && logDecay.Shape == q.Shape
            && v.Shape.Rank == 3
            && v.Shape.Rows == q.Shape.Rows
            && v.Shape[0] == q.Shape[0]
            && beta.Shape.Rows == q.Shape.Rows
            && heads > 0
            && q.Shape.Last % heads == 0
            && v.Shape.Last % heads == 0;
        return fits
            ? new ChannelDeltaSizes(q.Shape[0], q.Shape[1], heads, q.Shape.Last / heads, v.Shape.Last / heads)
            : throw new ArgumentException(
                $"a delta rule by channel does not fit q {q.Shape}, k {k.Shape}, v {v.Shape}, decay {logDecay.Shape}, beta {beta.Shape}",
                nameof(q)
            );
    }
}
