using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What multi-head latent attention keeps of a token (arXiv:2405.04434): its compressed keys and values, and the rotated part of its key, shared by all heads. In blocks.</summary>
public sealed class LatentCache(Device device, int blocks, int rank, int rotatedDim) : ILayerCache
{
    /// <summary>[16 · blocks, R + Dr].</summary>
    public Tensor Latents { get; } = Tensor.Reserve(device, new Shape(checked(blocks * RaggedRows.BlockTokens), rank + rotatedDim));

    /// <inheritdoc/>
    public long Bytes => sizeof(float) * Latents.Count;

    /// <summary>Takes in new tokens: latents [1, ΣT, R] and rotated keys [1, ΣT, Dr].</summary>
    public void Store(Tensor latents, Tensor rotatedKeys, RaggedRows rows, Tensor tables)
    {
        Ops.StoreRows(latents, Latents, rows, tables);
        Ops.StoreRows(rotatedKeys, Latents, rows, tables, rank);
    }

    /// <inheritdoc/>
    public void Dispose() => Latents.Dispose();
}
