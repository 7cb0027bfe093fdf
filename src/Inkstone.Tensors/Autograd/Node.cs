namespace Inkstone.Tensors;

/// <summary>One recorded op: what its backward pass needs. Nodes are pooled by the tape, so their fields are set, not constructed.</summary>
public abstract class Node
{
    /// <summary>The op's result; its gradient is complete when <see cref="Backward"/> is called.</summary>
    internal Tensor Output { get; set; } = null!;

    /// <summary>Gradient of the loss by the output.</summary>
    protected Tensor OutputGrad => Output.Grad ?? throw new InvalidOperationException("backward reached an output without a gradient");

    /// <summary>Adds this op's contribution to the gradient of each input that wants one.</summary>
    internal abstract void Backward();

    /// <summary>Returns memory that was saved for the backward pass, and drops references.</summary>
    internal abstract void Release();
}
