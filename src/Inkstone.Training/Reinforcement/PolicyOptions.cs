namespace Inkstone.Training;

/// <summary>Losses of a policy on its own answers. ρ = p / p of the policy that wrote them, A the advantage, m the mask of
/// tokens.</summary>
public enum PolicyKind
{
    /// <summary>GRPO (arXiv:2402.03300): −min(ρA, clip(ρ, 1−ε, 1+ε′)A); mean over an answer's tokens, then over answers.</summary>
    Grpo,

    /// <summary>The same, mean over the tokens of the micro-batch.</summary>
    Bnpo,

    /// <summary>Dr. GRPO (arXiv:2503.20783): the same, over answers times the longest length that is allowed.</summary>
    DrGrpo,

    /// <summary>DAPO (arXiv:2503.14476): the same, mean over the tokens of the whole step.</summary>
    Dapo,

    /// <summary>CISPO (arXiv:2506.13585): −min(ρ, ε′) A log p with a constant factor; mean over the tokens of the step. ε′ is the bound
    /// itself.</summary>
    Cispo,

    /// <summary>SAPO (arXiv:2511.20347): −A 4 σ(τ(ρ − 1)) / τ, τ by the sign of A; mean as in GRPO.</summary>
    Sapo,

    /// <summary>VESPO (arXiv:2602.10693): −φ A log p, φ = exp(λ + k log w − λw) constant, w the ratio of the whole answer; mean over the
    /// tokens of the step.</summary>
    Vespo,

    /// <summary>LUSPO (arXiv:2602.05261): as GRPO on ratios of whole answers; sum over an answer's tokens, mean over answers.</summary>
    Luspo,

    /// <summary>RLOO (arXiv:2402.14740): as GRPO with one ratio for each answer, of the sums of its log-probabilities; mean over
    /// answers.</summary>
    Rloo,
}

/// <summary>What is minimised of a policy's own answers.</summary>
/// <param name="Kind">which loss</param>
public sealed record PolicyOptions(PolicyKind Kind = PolicyKind.Dapo)
{
    /// <summary>ε.</summary>
    public double Epsilon { get; init; } = 0.2;

    /// <summary>ε′; null: ε. The bound of CISPO itself.</summary>
    public double? EpsilonHigh { get; init; }

    /// <summary>Where ratios are cut before they are multiplied with the advantage (two-sided clipping, arXiv:2505.07291); null:
    /// nowhere.</summary>
    public double? Delta { get; init; }

    /// <summary>One ratio for each answer: exp of the mean over its tokens (GSPO, arXiv:2507.18071).</summary>
    public bool SequenceRatio { get; init; }

    /// <summary>Weight of the divergence from the reference, k3 = e^(r−l) − (r−l) − 1.</summary>
    public double Beta { get; init; }

    /// <summary>k3 times ρ, which makes its gradient that of the divergence (arXiv:2512.02556); false: k3.</summary>
    public bool KlTimesRatio { get; init; } = true;

    /// <summary>τ of SAPO where the advantage is above 0.</summary>
    public double SapoPositive { get; init; } = 1;

    /// <summary>τ of SAPO elsewhere.</summary>
    public double SapoNegative { get; init; } = 1.05;

    /// <summary>k and λ of VESPO where the advantage is at least 0.</summary>
    public (double K, double Lambda) VespoPositive { get; init; } = (2, 3);

    /// <summary>k and λ of VESPO elsewhere.</summary>
    public (double K, double Lambda) VespoNegative { get; init; } = (3, 2);

    /// <summary>Share of tokens, those of the highest entropy, that are learned from (arXiv:2506.01939); 1: all.</summary>
    public double TopEntropy { get; init; } = 1;

    /// <summary>Weight of the mean entropy, which is added to what is wanted.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>Answers with a negative advantage that the policy has moved away from by more nats per token are left out; null:
    /// none.</summary>
    public double? OffPolicyThreshold { get; init; }

    /// <summary>The upper bound of ratios, ε′ or ε.</summary>
    public double High => EpsilonHigh ?? Epsilon;

    /// <summary>Whether losses are divided by answers; else by tokens.</summary>
    public bool PerAnswer => Kind is not (PolicyKind.Dapo or PolicyKind.Cispo or PolicyKind.Vespo);

    /// <summary>Refuses what has no meaning.</summary>
    /// <exception cref="ArgumentException">An option is wrong; the message names it.</exception>
    public PolicyOptions Validate()
    {
        Check(
            Kind != PolicyKind.Luspo || SequenceRatio,
            "luspo needs ratios of whole answers (importance_sampling_level sequence): with those of tokens its length weighs twice"
        );
        Check(Epsilon >= 0 && High >= 0, "epsilon and epsilon_high must be at least 0");
        Check(Delta is null || Delta > 0, "delta must be above 0");
        Check(TopEntropy is > 0 and <= 1, "top_entropy_quantile must be above 0 and at most 1");
        Check(Beta >= 0, "beta must be at least 0");
        return this;
    }

    private static void Check(bool holds, string what)
    {
        if (!holds)
        {
            throw new ArgumentException(what);
        }
    }
}
