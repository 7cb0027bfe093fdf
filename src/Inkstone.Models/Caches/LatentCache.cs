using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What multi-head latent attention keeps of a token (arXiv:2405.04434): its compressed keys and values, and the rotated part of its key, shared by all heads. It grows with the sequence, doubling.</summary>
public sealed class LatentCache(Device device, int capacity, int rank, int rotatedDim) : ILayerCache
{
    private Tensor _latents = Tensor.Allocate(device, new Shape(Math.Min(capacity, KeyValueCache.FirstRows), rank + rotatedDim));

    /// <summary>Tokens held.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of a cache of these sizes when it is full.</summary>
    public static long BytesFor(int capacity, int rank, int rotatedDim) => sizeof(float) * (long)capacity * (rank + rotatedDim);

    /// <inheritdoc/>
    public long Bytes => sizeof(float) * _latents.Count;

    /// <summary>Takes in new tokens and returns all, themselves last: latents [1, T, R] and rotated keys [1, T, Dr] → [1, S, R + Dr].</summary>
    public Tensor Append(Tensor latents, Tensor rotatedKeys)
    {
        int added = latents.Shape.Rows, width = rank + rotatedDim;
        if (latents.Shape[0] != 1 || Length + added > capacity)
        {
            throw new InvalidOperationException($"a cache of {capacity} tokens of one sequence cannot take latents of {latents.Shape} after {Length}");
        }
        if (Length + added > _latents.Shape[0])
        {
            Tensor grown = Tensor.Allocate(device, new Shape((int)Math.Min(capacity, Math.Max(2L * _latents.Shape[0], Length + added)), width));
            _latents.Span.CopyTo(grown.Span);
            _latents.Dispose();
            _latents = grown;
        }
        for (int t = 0; t < added; t++)
        {
            Span<float> row = _latents.Span.Slice((Length + t) * width, width);
            latents.Span.Slice(t * rank, rank).CopyTo(row);
            rotatedKeys.Span.Slice(t * rotatedDim, rotatedDim).CopyTo(row[rank..]);
        }
        Length += added;
        return Ops.Prefix(_latents, new Shape(1, Length, width));
    }

    /// <inheritdoc/>
    public bool Truncate(int length)
    {
        Length = Math.Min(length, Length);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _latents.Dispose();
}
