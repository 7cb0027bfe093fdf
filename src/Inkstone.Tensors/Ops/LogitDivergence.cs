namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>How far a student's distributions are from a teacher's: the generalised Jensen–Shannon divergence of arXiv:2306.13649,
    /// summed over rows.</summary>
    /// <remarks><code>
    /// forward   p = softmax(x · Wᵀ / T) of the student, q of the teacher, m = β q + (1 − β) p
    ///           D = β KL(q ‖ m) + (1 − β) KL(p ‖ m);  β = 0: KL(q ‖ p);  β = 1: KL(p ‖ q)
    ///           L = Σ_rows D / normalizer
    /// backward  dz = p (g − Σ p g) / T · dL / normalizer,  g = (1 − β) log(p / m);  β = 0: dz = (p − q) / T …;  β = 1: g = log(p / q)
    /// </code>Rows are taken in chunks whose logits become their own gradient in place. The teacher gets none.</remarks>
    /// <param name="x">the student's hidden states, [N, C]</param>
    /// <param name="weight">its output weight, [V, C]</param>
    /// <param name="teacherX">the teacher's, [N, C']</param>
    /// <param name="teacherWeight">[V, C']</param>
    /// <param name="beta">β, 0 to 1</param>
    /// <param name="temperature">T, of both</param>
    /// <param name="normalizer">what the sum is divided by</param>
    /// <param name="entropy">the student's entropies, summed over rows</param>
    /// <param name="softCap">the student's logits are cap · tanh(logit / cap); 0: as they are</param>
    /// <param name="teacherSoftCap">the same of the teacher's</param>
    /// <returns>[1]</returns>
    public static Tensor LogitDivergence(
        Tensor x,
        Tensor weight,
        Tensor teacherX,
        Tensor teacherWeight,
        float beta,
        float temperature,
        float normalizer,
        out double entropy,
        float softCap = 0,
        float teacherSoftCap = 0
    )
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Last(teacherX, teacherWeight.Shape.Last, nameof(teacherX));
        if (weight.Shape[0] != teacherWeight.Shape[0] || x.Shape.Rows != teacherX.Shape.Rows || !(beta is >= 0 and <= 1))
        {
            throw new ArgumentException(
                $"a student of {x.Shape} and {weight.Shape} and a teacher of {teacherX.Shape} and {teacherWeight.Shape} need as many rows and tokens, and a beta between 0 and 1",
                nameof(teacherX)
            );
        }
        Device device = x.Device;
        Tensor loss = device.Rent(new Shape(1));
        bool wanted = device.Tape.Wants(x, weight);
        Tensor? dx = wanted && x.RequiresGrad ? device.Rent(x.Shape) : null;
        Tensor? dw = wanted && weight.RequiresGrad ? device.Rent(weight.Shape) : null;
        LogitDivergenceRows rows = new(x, weight, softCap, teacherX, teacherWeight, teacherSoftCap, beta, temperature);
        (double sum, entropy) = rows.Run(1 / normalizer, dx, dw);
        loss.Span[0] = (float)(sum / normalizer);
        if (wanted)
        {
            device.Tape.Record<LinearCrossEntropyNode>(loss).Set(x, weight, dx, dw);
        }
        return loss;
    }
}
