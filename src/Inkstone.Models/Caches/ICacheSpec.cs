using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What a layer keeps of the tokens before: from its sizes follow the cache itself and the memory it takes.</summary>
public interface ICacheSpec
{
    /// <summary>Bytes for each token that is held; 0 where the size does not grow with the text.</summary>
    long BytesPerToken => 0;

    /// <summary>Bytes for each sequence, whatever its length; above 0 where a state replaces the tokens that went into it.</summary>
    long BytesPerSequence => 0;

    /// <summary>Tokens that a new one may look at, itself included; null: all.</summary>
    int? Window => null;

    /// <summary>Tokens that share a row of the cache, counted from a text's first: above 1 where groups of tokens are kept as one entry,
    /// which is there once they all are.</summary>
    int TokensPerRow => 1;

    /// <summary>Tokens of a block: sixteen, or the least number more of them that holds whole rows.</summary>
    int BlockTokens => CacheGroup.TokensOf(TokensPerRow);

    /// <summary>Bytes of a block.</summary>
    long BytesPerBlock => BytesPerToken * BlockTokens;

    /// <summary>An empty cache.</summary>
    /// <param name="device">where it lives</param>
    /// <param name="blocks">blocks of <see cref="BlockTokens"/> tokens</param>
    /// <param name="slots">sequences whose state it holds</param>
    ILayerCache NewCache(Device device, int blocks, int slots);
}

/// <summary>What one layer keeps of the tokens before, so that each token is computed once: keys and values, a latent, or a recurrent
/// state.</summary>
public interface ILayerCache : IDisposable
{
    /// <summary>All that it holds.</summary>
    IReadOnlyList<Tensor> Parts { get; }

    /// <summary>Makes the state of a slot that of a sequence without tokens.</summary>
    void ClearSlot(int slot) { }

    /// <summary>Copies the state of one slot to another.</summary>
    void CopySlot(int from, int to) { }
}
