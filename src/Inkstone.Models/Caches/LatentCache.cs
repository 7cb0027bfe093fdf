using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What multi-head latent attention keeps of a token (arXiv:2405.04434): its compressed keys and values, and the rotated part of
/// its key, shared by all heads. In blocks.</summary>
public sealed class LatentCache(Device device, int blocks, int rank, int rotatedDim, int indexDim = 0) : ILayerCache
{
    /// <summary>[16 · blocks, R + Dr + Di]: latent, rotated key, and where there is an indexer its key.</summary>
    public Tensor Latents { get; } =
        Tensor.Reserve(device, new Shape(checked(blocks * RaggedRows.BlockTokens), rank + rotatedDim + indexDim));

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [Latents];

    /// <summary>Takes in new tokens: latents [1, ΣT, R] and rotated keys [1, ΣT, Dr].</summary>
    public void Store(Tensor latents, Tensor rotatedKeys, RaggedRows rows, Tensor tables)
    {
        Ops.StoreRows(latents, Latents, rows, tables);
        Ops.StoreRows(rotatedKeys, Latents, rows, tables, rank);
    }

    /// <summary>Takes in an indexer's keys of new tokens, [1, ΣT, Di].</summary>
    public void StoreIndex(Tensor keys, RaggedRows rows, Tensor tables) => Ops.StoreRows(keys, Latents, rows, tables, rank + rotatedDim);

    /// <inheritdoc/>
    public void Dispose() => Latents.Dispose();
}
