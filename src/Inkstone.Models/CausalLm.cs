using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A language model that reads from left to right.</summary>
public abstract class CausalLm(HfConfig config, Scope root) : IDisposable
{
    /// <summary>config.json as it was read; written back unchanged.</summary>
    public HfConfig Config { get; } = config;

    /// <summary>Where it computes.</summary>
    public Device Device { get; } = root.Device;

    /// <summary>The low-rank adapter that its linear layers wear, or null.</summary>
    public Adapter? Adapter { get; } = root.Adapter;

    /// <summary>The randomness of training steps: dropout and noise on embeddings.</summary>
    public Noise Noise { get; } = root.Noise;

    /// <summary>The state dict.</summary>
    public abstract Parameters Parameters { get; }

    /// <summary>[V, C]: hidden states times its transpose are logits. The embedding itself where the two are tied.</summary>
    public abstract Tensor OutputWeight { get; }

    /// <summary>Number of token ids.</summary>
    public int VocabSize => OutputWeight.Shape[0];

    /// <summary>Longest sequence the positions were made for.</summary>
    public int MaxPositionEmbeddings { get; } = config.Int("max_position_embeddings", 2048);

    /// <summary>Tokens that end a text; may be several, or none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; } = config.Ints("eos_token_id");

    /// <summary>Final hidden states, normed. ids: int32 [B, T]; the result is [B, T, C].</summary>
    public abstract Tensor Hidden(Tensor ids, ForwardContext ctx);

    /// <summary>An empty cache for one sequence.</summary>
    public abstract SequenceCache NewCache(int capacity);

    /// <summary>Logits of hidden states: [..., C] → [..., V].</summary>
    public Tensor Logits(Tensor hidden) => Ops.Linear(hidden, OutputWeight);

    /// <summary>Σ −log p(label) / <paramref name="normalizer"/>; labels [B, T] are those of the next token, −100 where nothing is to be learned.</summary>
    public Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
        => Ops.LinearCrossEntropy(Hidden(ids, ctx), OutputWeight, labels, normalizer);

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.Tensor.Dispose();
        }
        Adapter?.Dispose();
        GC.SuppressFinalize(this);
    }
}
