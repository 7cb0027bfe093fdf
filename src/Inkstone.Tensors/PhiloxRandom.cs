namespace Inkstone.Tensors;

/// <summary>
/// Counter-based random numbers, Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
/// the i-th number of a stream is a pure function of (seed, stream, i), so it is the same on any number of threads and after resuming.
/// </summary>
public readonly record struct PhiloxRandom(ulong Seed, ulong Stream)
{
    /// <summary>Of the paper: multipliers of a round, steps of the key from round to round.</summary>
    internal const uint M0 = 0xD2511F53,
        M1 = 0xCD9E8D57,
        W0 = 0x9E3779B9,
        W1 = 0xBB67AE85;

    /// <summary>Of the paper.</summary>
    internal const int Rounds = 10;

    /// <summary>Four independent 32-bit numbers for one counter value.</summary>
    public (uint A, uint B, uint C, uint D) Block(ulong counter)
    {
        uint c0 = (uint)counter,
            c1 = (uint)(counter >> 32),
            c2 = (uint)Stream,
            c3 = (uint)(Stream >> 32);
        uint k0 = (uint)Seed,
            k1 = (uint)(Seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = (ulong)M0 * c0,
                p1 = (ulong)M1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>Uniform in [0, 1) with 24 bits.</summary>
    public float Uniform(ulong index)
    {
        (uint a, uint b, uint c, uint d) = Block(index >> 2);
        uint bits = (index & 3) switch
        {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        return ToUniform(bits);
    }

    internal static float ToUniform(uint bits) => (bits >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public double UniformDouble(ulong index)
    {
        (uint a, uint b, _, _) = Block(index);
        return ((((ulong)a << 32) | b) >> 11) * (1.0 / (1L << 53));
    }

    /// <summary>Fills <paramref name="values"/> with normal numbers (Box–Muller), mean 0 and the given standard deviation: those of the
    /// stream from index <paramref name="start"/>, a multiple of 4.</summary>
    public void FillNormal(Span<float> values, float deviation, long start = 0)
    {
        for (int i = 0; i < values.Length; i += 4)
        {
            (uint a, uint b, uint c, uint d) = Block((ulong)(start + i) >> 2);
            (double x0, double y0) = BoxMuller(a, b);
            (double x1, double y1) = BoxMuller(c, d);
            values[i] = (float)(x0 * deviation);
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(y0 * deviation);
            }
            if (i + 2 < values.Length)
            {
                values[i + 2] = (float)(x1 * deviation);
            }
            if (i + 3 < values.Length)
            {
                values[i + 3] = (float)(y1 * deviation);
            }
        }
    }

    /// <summary>Fills a float32 tensor with uniform numbers in [low, high).</summary>
    public void FillUniform(Tensor target, float low, float high) => FillUniform(target.Span, low, high);

    /// <summary>The same numbers for every element type: normal ones of this <paramref name="deviation"/>, rounded where the tensor is
    /// bfloat16.</summary>
    public void FillNormal(Tensor target, float deviation)
    {
        if (target.DType == DType.Float32)
        {
            FillNormal(target.Span, deviation);
            return;
        }
        const int Piece = 1 << 16;
        float[] piece = new float[Piece];
        for (long start = 0; start < target.Count; start += Piece)
        {
            Span<float> values = piece.AsSpan(0, (int)Math.Min(Piece, target.Count - start));
            FillNormal(values, deviation, start);
            target.CopyFrom(values, start);
        }
    }

    /// <summary>Fills <paramref name="values"/> with uniform numbers in [low, high).</summary>
    public void FillUniform(Span<float> values, float low, float high)
    {
        for (int i = 0; i < values.Length; i += 4)
        {
            (uint a, uint b, uint c, uint d) = Block((ulong)i >> 2);
            values[i] = low + (high - low) * ToUniform(a);
            if (i + 1 < values.Length)
            {
                values[i + 1] = low + (high - low) * ToUniform(b);
            }
            if (i + 2 < values.Length)
            {
                values[i + 2] = low + (high - low) * ToUniform(c);
            }
            if (i + 3 < values.Length)
            {
                values[i + 3] = low + (high - low) * ToUniform(d);
            }
        }
    }

    private static (double X, double Y) BoxMuller(uint a, uint b)
    {
        double radius = Math.Sqrt(-2 * Math.Log((a + 1.0) * (1.0 / 4294967297.0)));
        double angle = 2 * Math.PI * (b * (1.0 / 4294967296.0));
        return (radius * Math.Cos(angle), radius * Math.Sin(angle));
    }
}
