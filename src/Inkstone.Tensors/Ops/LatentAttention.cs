namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Queries moved into the space of the compressed keys, so that a cache of latents is attended to without expanding it
    /// (arXiv:2405.04434, section 2.1.2):
    /// q · (W c) = (Wᵀ q) · c. Only for decoding, not recorded.
    /// </summary>
    /// <param name="q">[B, T, H·(Dn + Dr)], the last Dr of each head rotated</param>
    /// <param name="weight">[H·(Dn + Dv), R]: makes keys and values of a head from a latent</param>
    /// <param name="heads">H</param>
    /// <param name="keyDim">Dn</param>
    /// <returns>[B, T, H·(R + Dr)]</returns>
    public static Tensor AbsorbKeys(Tensor q, Tensor weight, int heads, int keyDim)
    {
        NotRecorded(q, weight);
        int rank = weight.Shape.Last,
            rotated = q.Shape.Last / heads - keyDim;
        if (q.Shape.Last % heads != 0 || rotated < 0 || weight.Shape[0] % heads != 0 || weight.Shape[0] / heads < keyDim)
        {
            throw new ArgumentException(
                $"queries {q.Shape} of {heads} heads with {keyDim} unrotated dimensions do not fit {weight.Shape}",
                nameof(q)
            );
        }
        Tensor y = q.Device.Rent(q.Shape.WithLast(heads * (rank + rotated))); // [B, T, H·(R + Dr)]
        LatentAttentionKernels.AbsorbKeys(q, weight, heads, keyDim, y);
        return y;
    }

    /// <summary>Values of each head from what it attended to among latents: Σ p (W c) = W (Σ p c). Only for decoding, not
    /// recorded.</summary>
    /// <param name="x">[B, T, H·D], D ≥ R: the first R of each head are a sum of latents</param>
    /// <param name="weight">[H·(Dn + Dv), R]</param>
    /// <param name="heads">H</param>
    /// <param name="keyDim">Dn</param>
    /// <returns>[B, T, H·Dv]</returns>
    public static Tensor ExpandValues(Tensor x, Tensor weight, int heads, int keyDim)
    {
        NotRecorded(x, weight);
        int valueDim = weight.Shape[0] / heads - keyDim;
        if (x.Shape.Last % heads != 0 || x.Shape.Last / heads < weight.Shape.Last || weight.Shape[0] % heads != 0 || valueDim <= 0)
        {
            throw new ArgumentException($"latents {x.Shape} of {heads} heads do not fit {weight.Shape}", nameof(x));
        }
        Tensor y = x.Device.Rent(x.Shape.WithLast(heads * valueDim)); // [B, T, H·Dv]
        LatentAttentionKernels.ExpandValues(x, weight, heads, keyDim, y);
        return y;
    }

    private static void NotRecorded(Tensor a, Tensor b)
    {
        if (a.Device.Tape.Wants(a, b))
        {
            throw new ArgumentException("attention on a cache has no backward pass", nameof(a));
        }
    }
}
