using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Experts chosen by a softmax router, and beside them one that every token uses, weighed by a sigmoid gate of its own (Qwen's
/// sparse layers).</summary>
internal sealed class SharedSparseExperts(Scope s, SparseExpertsSettings settings, int sharedSize)
{
    private readonly SparseExperts _experts = new(s, settings);
    private readonly SwiGlu _sharedExpert = new(s["shared_expert"], settings.HiddenSize, sharedSize);
    private readonly Linear _sharedExpertGate = new(s["shared_expert_gate"], settings.HiddenSize, 1);

    /// <summary>Who chooses.</summary>
    public ExpertRouter Router => _experts.Router;

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result where there is one; <paramref name="mask"/> as in
    /// <see cref="ForwardContext.AttentionMask"/>.</summary>
    public Tensor Forward(Tensor x, Tensor? residual, Tensor? mask) =>
        Ops.RowGate(_sharedExpert.Forward(x), _sharedExpertGate.Forward(x), _experts.Forward(x, residual, mask));
}
