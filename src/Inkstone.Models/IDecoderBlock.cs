using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What a layer keeps of the tokens before: from its sizes follow the cache itself and the memory it takes.</summary>
public interface ICacheSpec
{
    /// <summary>An empty cache for one sequence of at most <paramref name="capacity"/> tokens.</summary>
    ILayerCache NewCache(Device device, int capacity);

    /// <summary>Bytes that <see cref="NewCache"/> takes.</summary>
    long CacheBytes(int capacity);
}

/// <summary>One layer of a decoder: [B, T, C] → [B, T, C].</summary>
public interface IDecoderBlock : IBlock<ForwardContext>
{
    /// <summary>What it keeps of the tokens before.</summary>
    ICacheSpec Cache { get; }

    /// <summary>Floats that training keeps of each token for the backward pass, about.</summary>
    long ActivationsPerToken { get; }

    /// <summary>The router of its sparse layer, or null where all of it works for every token.</summary>
    ExpertRouter? Router => null;
}
