namespace Inkstone.Tensors;

/// <summary>One recorded op: what its backward pass needs. Nodes are pooled by the tape, so their fields are set, not
/// constructed.</summary>
public abstract class Node
{
    /// <summary>The op's result; its gradient is complete when <see cref="Backward"/> is called.</summary>
    internal Tensor Output { get; set; } = null!;

    /// <summary>Gradient of the loss by the output, in float32.</summary>
    protected Tensor OutputGrad => Output.WideGrad() ?? throw NoGradient();

    /// <summary>The same as it was stored, float32 or bfloat16.</summary>
    protected Tensor StoredOutputGrad => Output.Grad ?? throw NoGradient();

    /// <summary>Whether a gradient has come to what this op made.</summary>
    internal virtual bool IsReached => Output.Grad is not null;

    /// <summary>Adds this op's contribution to the gradient of each input that wants one.</summary>
    internal abstract void Backward();

    private static InvalidOperationException NoGradient() => new("backward reached an output without a gradient");

    /// <summary>Returns memory that was saved for the backward pass, and drops references.</summary>
    internal abstract void Release();
}
