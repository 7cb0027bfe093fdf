using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>A vector per token.</summary>
public sealed class Embedding(Scope scope, int vocabularySize, int hiddenSize)
{
    /// <summary>[V, C].</summary>
    public Tensor Weight { get; } = scope.Parameter("weight", new Shape(vocabularySize, hiddenSize), Initial.Normal);

    /// <summary>ids: int32 [B, T]; the result is [B, T, C].</summary>
    public Tensor Forward(Tensor ids) => Ops.Embedding(Weight, ids);
}
