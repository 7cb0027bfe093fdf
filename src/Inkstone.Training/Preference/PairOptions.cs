namespace Inkstone.Training;

/// <summary>Losses of pairs of answers. s: sum of an answer's log-probabilities, s′ the reference's, u = s − s′ of the chosen answer, v of
/// the rejected one, z = h(u) − h(v), n tokens.</summary>
public enum PairKind
{
    /// <summary>DPO (arXiv:2305.18290), with label smoothing cDPO: −(1−ε) log σ(βz) − ε log σ(−βz).</summary>
    Sigmoid,

    /// <summary>IPO (arXiv:2310.12036) on averages per token: (h(u)/n − h(v)/n − 1/(2β))².</summary>
    Ipo,

    /// <summary>IPO as published, on sums: (z − 1/(2β))².</summary>
    IpoSum,

    /// <summary>SLiC (arXiv:2305.10425): max(0, 1 − βz).</summary>
    Hinge,

    /// <summary>DPO-Positive (arXiv:2402.13228): −log σ(β (u − v − λ max(0, −u))).</summary>
    Dpop,

    /// <summary>Robust DPO (arXiv:2403.00409): (−(1−ε) log σ(βz) + ε log σ(−βz)) / (1 − 2ε).</summary>
    Robust,

    /// <summary>DPO on averages per token: −log σ(β (h(u)/n − h(v)/n)).</summary>
    SigmoidNorm,

    /// <summary>EXO (arXiv:2402.00856): KL of (σ(βz), σ(−βz)) from (1−ε, ε).</summary>
    ExoPair,

    /// <summary>NCA (arXiv:2402.05369): −log σ(βu) − ½ log σ(−βu) − ½ log σ(−βv).</summary>
    NcaPair,

    /// <summary>BCO (arXiv:2404.04656) without a running mean: −log σ(βu) − log σ(−βv).</summary>
    BcoPair,

    /// <summary>SPPO (arXiv:2405.00675): (u − 1/(2β))² + (v + 1/(2β))².</summary>
    SppoHard,

    /// <summary>AOT (arXiv:2406.05882): the smoothed sigmoid of the differences by rank of s − s of pairs, of policy and
    /// reference.</summary>
    Aot,

    /// <summary>The same of sorted u and sorted v.</summary>
    AotUnpaired,

    /// <summary>APO-zero (arXiv:2408.06266): 1 − σ(βu) + σ(βv).</summary>
    ApoZero,

    /// <summary>APO-down: σ(βu) + 1 − σ(β(u − v)).</summary>
    ApoDown,

    /// <summary>DiscoPOP (arXiv:2406.08414), q = σ(βz/τ): −(1−q) log σ(βz) + q e^(−βz).</summary>
    Discopop,

    /// <summary>Minus the mean log-probability of all tokens of chosen answers.</summary>
    Sft,

    /// <summary>CPO (arXiv:2401.08417): the smoothed sigmoid without a reference.</summary>
    Cpo,

    /// <summary>Hinge without a reference.</summary>
    CpoHinge,

    /// <summary>IPO on averages without a reference.</summary>
    CpoIpo,

    /// <summary>SimPO (arXiv:2405.14734), on averages without a reference: the smoothed sigmoid of βz − γ.</summary>
    Simpo,

    /// <summary>ORPO (arXiv:2403.07691), on averages a: the NLL of chosen prompts and answers − β log σ(odds(a) − odds(a)), odds(x) = x −
    /// log(1 − eˣ).</summary>
    Orpo,
}

/// <summary>How far from the reference counts, h of a log-ratio (arXiv:2309.16240).</summary>
public enum FDivergence
{
    /// <summary>h(u) = u.</summary>
    ReverseKl,

    /// <summary>h(u) = 1 − e⁻ᵘ.</summary>
    ForwardKl,

    /// <summary>h(u) = log 2 + log σ(u).</summary>
    JsDivergence,

    /// <summary>h(u) = (e^((α−1)u) − 1) / (α − 1); α = 1: u.</summary>
    AlphaDivergence,
}

/// <summary>One loss among those that are added.</summary>
/// <param name="Kind">which</param>
/// <param name="Weight">its weight</param>
/// <param name="LabelSmoothing">ε: the share of labels that are taken to be wrong, where the loss has one</param>
public readonly record struct PairTerm(PairKind Kind, double Weight = 1, double LabelSmoothing = 0);

/// <summary>What is minimised of pairs.</summary>
/// <param name="Terms">losses that are added</param>
/// <param name="Beta">β</param>
public sealed record PairOptions(IReadOnlyList<PairTerm> Terms, double Beta = 0.1)
{
    /// <summary>h.</summary>
    public FDivergence Divergence { get; init; }

    /// <summary>α of the alpha divergence.</summary>
    public double DivergenceAlpha { get; init; } = 1;

    /// <summary>What tokens beyond the shorter answer of a pair count in s and s′ (LD-DPO, arXiv:2409.06411).</summary>
    public double LengthAlpha { get; init; } = 1;

    /// <summary>Whether each pair weighs as likely as the policy finds both answers (WPO, arXiv:2406.11827).</summary>
    public bool Weighted { get; init; }

    /// <summary>λ of DPOP.</summary>
    public double DpopLambda { get; init; } = 50;

    /// <summary>τ of DiscoPOP.</summary>
    public double Tau { get; init; } = 0.05;

    /// <summary>γ of SimPO.</summary>
    public double Gamma { get; init; } = 0.5;

    /// <summary>α of AlphaPO (arXiv:2501.03884): losses without a reference take (1 − e^(−αs)) / α for s; 0: s.</summary>
    public double RewardAlpha { get; init; }

    /// <summary>Whether any of the losses looks at a reference.</summary>
    public bool NeedsReference => Terms.Any(t => t.Kind is not (PairKind.Sft or PairKind.Orpo) && !IsFree(t.Kind));

    /// <summary>Whether the log-probabilities of chosen prompts are asked for.</summary>
    public bool NeedsPrompts => Terms.Any(t => t.Kind == PairKind.Orpo);

    /// <summary>Losses of the policy alone that compare s or averages.</summary>
    internal static bool IsFree(PairKind kind) => kind is PairKind.Cpo or PairKind.CpoHinge or PairKind.CpoIpo or PairKind.Simpo;

    /// <summary>Losses of the policy alone that see averages per token.</summary>
    internal static bool IsFreeAverage(PairKind kind) => kind is PairKind.CpoIpo or PairKind.Simpo or PairKind.Orpo;

    /// <summary>Refuses what has no meaning.</summary>
    /// <exception cref="ArgumentException">An option is wrong; the message names it.</exception>
    public PairOptions Validate()
    {
        Check(Terms.Count > 0, "loss.type names no loss");
        Check(Beta > 0 && double.IsFinite(Beta), "loss.beta must be above 0");
        Check(LengthAlpha is >= 0 and <= 1, "loss.ld_alpha must be between 0 and 1");
        Check(Tau > 0, "loss.tau must be above 0");
        foreach (PairTerm term in Terms)
        {
            Check(double.IsFinite(term.Weight), "loss.weights must be numbers");
            Check(term.LabelSmoothing is >= 0 and < 0.5, "loss.label_smoothing must be at least 0 and below 0.5");
            Check(
                term.Kind != PairKind.ExoPair || term.LabelSmoothing > 0,
                "loss.type exo_pair needs a loss.label_smoothing above 0, such as 0.001"
            );
            Check(
                !Weighted || term.Kind is not (PairKind.Aot or PairKind.AotUnpaired),
                "loss.weighting cannot be combined with aot, whose terms belong to ranks and not to pairs"
            );
        }
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
