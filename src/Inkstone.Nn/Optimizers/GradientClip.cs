using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Clipping by the norm of all gradients together, as torch.nn.utils.clip_grad_norm_ does it.</summary>
/// <remarks>Gradients are not changed: the optimizer multiplies them by <see cref="Factor"/> while it reads them anyway.</remarks>
public static class GradientClip
{
    /// <summary>Euclidean norm of all gradients.</summary>
    public static double Norm(Parameters parameters) => Math.Sqrt(Ops.SquaredNorm(parameters.Tensors));

    /// <summary>The factor that brings a norm down to <paramref name="limit"/>; 1 when it is below, or when the limit is 0 (no
    /// clipping).</summary>
    public static double Factor(double norm, double limit) => limit <= 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));
}
