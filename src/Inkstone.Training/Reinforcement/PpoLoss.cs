namespace Inkstone.Training;

/// <summary>Proximal policy optimisation with a critic (arXiv:1707.06347): advantages, and the two clipped losses with their gradients by
/// hand.</summary>
/// <param name="Gamma">γ: what the next token's value counts</param>
/// <param name="Lambda">λ of generalised advantage estimation (arXiv:1506.02438)</param>
/// <param name="Clip">bound of ratios around 1</param>
/// <param name="ValueClip">bound of new values around old ones</param>
/// <param name="ValueWeight">weight of the critic's loss</param>
public sealed record PpoLoss(double Gamma = 1, double Lambda = 0.95, double Clip = 0.2, double ValueClip = 0.2, double ValueWeight = 0.1)
{
    /// <summary>δ_t = r_t + γ V_{t+1} − V_t, A_t = δ_t + γλ A_{t+1}, and A + V, what values should have been. Behind an answer's end
    /// everything is 0.</summary>
    /// <param name="rewards">of each token</param>
    /// <param name="values">of each token, by the critic that saw it being written</param>
    /// <param name="advantages">A; overwritten</param>
    /// <param name="returns">A + V; overwritten</param>
    public void Estimate(TokenRuns rewards, TokenRuns values, TokenRuns advantages, TokenRuns returns)
    {
        advantages.ShapeAs(rewards);
        returns.ShapeAs(rewards);
        for (int i = 0; i < rewards.Count; i++)
        {
            ReadOnlySpan<double> r = rewards[i],
                v = values[i];
            Span<double> a = advantages[i],
                to = returns[i];
            double last = 0;
            for (int t = r.Length - 1; t >= 0; t--)
            {
                last = r[t] + Gamma * (t + 1 < r.Length ? v[t + 1] : 0) - v[t] + Gamma * Lambda * last;
                (a[t], to[t]) = (last, last + v[t]);
            }
        }
    }

    /// <summary>Numbers of mean 0 (unless <paramref name="keepMean"/>) and deviation 1, over all tokens.</summary>
    public static void Whiten(TokenRuns numbers, bool keepMean = false)
    {
        double mean = 0,
            variance = 0;
        int n = numbers.TokenCount;
        foreach (double value in numbers.Values)
        {
            mean += value / n;
        }
        foreach (double value in numbers.Values)
        {
            variance += (value - mean) * (value - mean) / Math.Max(1, n - 1);
        }
        foreach (ref double value in numbers.Values)
        {
            value = (value - mean) / Math.Sqrt(variance + 1e-8) + (keepMean ? mean : 0);
        }
    }

    /// <summary>Mean over tokens of max(−ρA, −clip(ρ)A), and of half the larger squared distance of value or clipped value from the
    /// return.</summary>
    /// <param name="policy">log-probabilities now</param>
    /// <param name="old">when the answers were written</param>
    /// <param name="advantages">A</param>
    /// <param name="newValues">values now</param>
    /// <param name="values">when the answers were written</param>
    /// <param name="returns">what they should have been</param>
    /// <param name="divisor">what sums are divided by: the tokens of the step</param>
    /// <param name="gradient">∂L/∂policy; overwritten</param>
    /// <param name="valueGradient">∂L/∂values; overwritten</param>
    /// <returns>both losses; what is minimised is policy + <see cref="ValueWeight"/> · value</returns>
    public (double Policy, double Value) Compute(
        TokenRuns policy,
        TokenRuns old,
        TokenRuns advantages,
        TokenRuns newValues,
        TokenRuns values,
        TokenRuns returns,
        double divisor,
        TokenRuns gradient,
        TokenRuns valueGradient
    )
    {
        gradient.ShapeAs(policy);
        valueGradient.ShapeAs(policy);
        double policyLoss = 0,
            valueLoss = 0;
        for (int t = 0; t < policy.TokenCount; t++)
        {
            double ratio = Math.Exp(policy.Values[t] - old.Values[t]),
                a = advantages.Values[t],
                clipped = Math.Clamp(ratio, 1 - Clip, 1 + Clip);
            policyLoss += Math.Max(-ratio * a, -clipped * a) / divisor;
            gradient.Values[t] = -ratio * a >= -clipped * a ? -ratio * a / divisor : 0;
            double v = newValues.Values[t],
                before = values.Values[t],
                to = returns.Values[t],
                near = Math.Clamp(v, before - ValueClip, before + ValueClip);
            bool free = (v - to) * (v - to) >= (near - to) * (near - to);
            double apart = free ? v - to : near - to;
            valueLoss += 0.5 * apart * apart / divisor;
            valueGradient.Values[t] = ValueWeight * (free || near == v ? apart : 0) / divisor;
        }
        return (policyLoss, valueLoss);
    }
}
