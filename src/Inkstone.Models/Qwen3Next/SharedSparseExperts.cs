using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>Experts chosen by a softmax router, and beside them one that every token uses, weighed by a sigmoid gate of its own.</summary>
public sealed class SharedSparseExperts(Qwen3NextConfig c, Scope s)
{
    private readonly SparseExperts _experts = new(s, new SparseExpertsSettings(c.HiddenSize, c.MoeIntermediateSize, c.NumExperts, RouterScoring.Softmax,
        new RoutingRule(c.NumExpertsPerTok, Normalise: c.NormTopkProb)));

    private readonly SwiGlu _sharedExpert = new(s["shared_expert"], c.HiddenSize, c.SharedExpertIntermediateSize);
    private readonly Linear _sharedExpertGate = new(s["shared_expert_gate"], c.HiddenSize, 1);

    /// <summary>Who chooses.</summary>
    public ExpertRouter Router => _experts.Router;

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, Tensor residual)
        => Ops.RowGate(_sharedExpert.Forward(x), _sharedExpertGate.Forward(x), _experts.Forward(x, residual));
}
