using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>A vector per token; in training with noise where the model's <see cref="TrainingRng"/> asks for it.</summary>
public sealed class Embedding(Scope scope, int vocabularySize, int hiddenSize)
{
    private readonly TrainingRng _noise = scope.TrainingRng;
    private readonly ulong _stream = StableHash.Compute(scope.Path);

    /// <summary>[V, C].</summary>
    public Tensor Weight { get; } = scope.Parameter("weight", new Shape(vocabularySize, hiddenSize), Initial.Normal);

    /// <summary>ids: int32 [B, T]; the result is [B, T, C].</summary>
    public Tensor Forward(Tensor ids)
    {
        Tensor x = Ops.Embedding(Weight, ids);
        if (!_noise.On || _noise.EmbeddingAlpha == 0)
        {
            return x;
        }
        float bound = (float)(_noise.EmbeddingAlpha / Math.Sqrt((double)ids.Shape.Last * hiddenSize));
        Tensor noise = x.Device.Rent(x.Shape);
        _noise.ForLayer(_stream).FillUniform(noise, -bound, bound);
        return Ops.Add(x, noise);
    }
}
