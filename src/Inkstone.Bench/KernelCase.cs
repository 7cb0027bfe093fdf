using Inkstone.Tensors;

namespace Inkstone.Bench;

/// <summary>Ops of one line of <c>ink bench kernels</c>.</summary>
/// <param name="Ops">names as profiles have them, without the pass; what else runs only prepares their inputs</param>
/// <param name="Sizes">for people</param>
/// <param name="Inputs">shapes of random tensors, which all want a gradient</param>
/// <param name="Run">the ops</param>
/// <param name="Backward">whether there is a backward pass</param>
/// <param name="Bytes">what one call must read where that is more than arithmetic takes; 0: what the ops themselves count</param>
internal sealed record KernelCase(
    string[] Ops,
    string Sizes,
    Shape[] Inputs,
    Func<Tensor[], Tensor> Run,
    bool Backward = true,
    double Bytes = 0
)
{
    public bool Counts(string entry) => Ops.Any(op => entry == op || entry.StartsWith(op + ".", StringComparison.Ordinal));
}
