using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What one layer keeps of the tokens before, so that each token is computed once: keys and values, a latent, or a recurrent state.</summary>
public interface ILayerCache : IDisposable
{
    /// <summary>Bytes held.</summary>
    long Bytes { get; }

    /// <summary>Forgets all tokens from <paramref name="length"/> on; false where that is impossible because earlier states are gone. 0 always works.</summary>
    bool Truncate(int length);
}

/// <summary>The memory of one sequence: one cache per layer, and how many tokens they have seen.</summary>
public sealed class SequenceCache(Device device, IReadOnlyList<ILayerCache> layers) : IDisposable
{
    /// <summary>Where it lives.</summary>
    public Device Device => device;

    /// <summary>Tokens seen by every layer.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes held by all layers.</summary>
    public long Bytes => layers.Sum(layer => layer.Bytes);

    /// <summary>The cache of a layer, of the kind that this layer made.</summary>
    public T Layer<T>(int index) where T : ILayerCache => (T)layers[index];

    /// <summary>Counts tokens that every layer has taken in.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <summary>Forgets all tokens from <paramref name="length"/> on; where a layer cannot, all tokens are forgotten. Returns the length that is left.</summary>
    public int Truncate(int length)
    {
        Length = Math.Clamp(length, 0, Length);
        bool all = true;
        foreach (ILayerCache layer in layers)
        {
            all &= layer.Truncate(Length);
        }
        return all ? Length : Truncate(0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ILayerCache layer in layers)
        {
            layer.Dispose();
        }
    }
}
