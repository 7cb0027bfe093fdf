using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>
/// Several answers behind one prompt that is computed once: [prompt, answer, answer, …, prompt, …] in one row of T tokens. Only attention
/// sees texts apart, each a prompt
/// with one answer, S tokens together; all else is the same for a token whatever text it is in.
/// </summary>
/// <param name="Spread">int32 [S]: which token of the row each token of the texts is</param>
/// <param name="Back">int32 [T]: where among the texts' tokens each token of the row is</param>
/// <param name="Starts">int32 [1, S]: where its text begins</param>
public sealed record SharedPrompts(Tensor Spread, Tensor Back, Tensor Starts)
{
    /// <summary>[1, T, C] → [1, S, C].</summary>
    public Tensor Apart(Tensor x) => Ops.GatherRows(x, Spread).View(new Shape(1, (int)Spread.Count, x.Shape.Last));

    /// <summary>[1, S, C] → [1, T, C].</summary>
    public Tensor Joined(Tensor y) => Ops.GatherRows(y, Back).View(new Shape(1, (int)Back.Count, y.Shape.Last));
}
