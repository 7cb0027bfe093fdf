namespace Inkstone.Tensors;

/// <summary>
/// Inverse frequencies of rotary positions (arXiv:2104.09864), and the cosines and sines made from them, by position.
/// The factory methods compute in float32 exactly what transformers' <c>modeling_rope_utils</c> computes.
/// </summary>
/// <remarks>
/// Rows are computed the first time a position occurs and kept, so every layer, query, key and step shares them.
/// Like a device, a table serves one thread at a time.
/// </remarks>
public sealed unsafe class RotaryTable
{
    private readonly float[] _inverseFrequencies;
    private float[] _rows = []; // pinned; per position: cos of each frequency, then sin of each frequency
    private int _positions;
    private readonly Func<int, RotaryTable>? _byLength;

    /// <summary>A table of any frequencies.</summary>
    /// <param name="inverseFrequencies">one per rotated pair; angle = position · inverse frequency</param>
    /// <param name="attentionScaling">factor on cosines and sines (YaRN's attention factor)</param>
    public RotaryTable(ReadOnlySpan<float> inverseFrequencies, float attentionScaling = 1)
    {
        _inverseFrequencies = inverseFrequencies.ToArray();
        AttentionScaling = attentionScaling;
    }

    private RotaryTable(RotaryTable shortest, Func<int, RotaryTable> byLength)
        : this(shortest._inverseFrequencies, shortest.AttentionScaling) => _byLength = byLength;

    /// <summary>Whether keys that were rotated for a shorter text may stay in a cache: <c>longrope</c> turns them all anew, <c>dynamic</c>
    /// leaves them as they are.</summary>
    public bool CacheSurvives { get; private init; } = true;

    /// <summary>Whether frequencies depend on the length of the text.</summary>
    public bool DependsOnLength => _byLength is not null;

    /// <summary>The table for texts of <paramref name="length"/> tokens: itself, but where frequencies depend on the length.</summary>
    public RotaryTable ForLength(int length) => _byLength is null ? this : _byLength(length);

    /// <summary>One frequency per rotated pair.</summary>
    public ReadOnlySpan<float> InverseFrequencies => _inverseFrequencies;

    /// <summary>Factor on cosines and sines.</summary>
    public float AttentionScaling { get; }

    /// <summary>Number of leading dimensions of each head that are rotated; the rest pass unchanged.</summary>
    public int RotaryDim => 2 * _inverseFrequencies.Length;

    /// <summary><c>default</c>: θ^(−2i/d).</summary>
    /// <param name="rotaryDim">number of rotated dimensions of a head, even</param>
    /// <param name="theta">the base, <c>rope_theta</c></param>
    public static RotaryTable Default(int rotaryDim, double theta) => new(Frequencies(rotaryDim, theta));

    /// <summary><c>proportional</c>: the frequencies of the whole head, of which the first ones turn and the others stand still.</summary>
    /// <param name="headDim">d, dimensions of a head, even; number i turns with i + d/2</param>
    /// <param name="theta">the base, <c>rope_theta</c></param>
    /// <param name="share"><c>partial_rotary_factor</c>: ⌊share · d⌋ / 2 pairs turn</param>
    public static RotaryTable Proportional(int headDim, double theta, double share)
    {
        float[] frequencies = Frequencies(headDim, theta);
        frequencies.AsSpan((int)(share * headDim) / 2).Clear();
        return new RotaryTable(frequencies);
    }

    /// <summary><c>linear</c> (position interpolation, arXiv:2306.15595): all frequencies divided by the factor.</summary>
    public static RotaryTable Linear(int rotaryDim, double theta, double factor)
    {
        float[] frequencies = Frequencies(rotaryDim, theta);
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] /= (float)factor;
        }
        return new RotaryTable(frequencies);
    }

    /// <summary>
    /// <c>llama3</c> (Llama 3.1): wavelengths above original / lowFreqFactor are stretched by the factor, those below original /
    /// highFreqFactor are kept,
    /// those between are blended.
    /// </summary>
    public static RotaryTable Llama3(
        int rotaryDim,
        double theta,
        double factor,
        double lowFreqFactor,
        double highFreqFactor,
        int originalMaxPositions
    )
    {
        float[] frequencies = Frequencies(rotaryDim, theta);
        float longest = (float)(originalMaxPositions / lowFreqFactor),
            shortest = (float)(originalMaxPositions / highFreqFactor),
            divisor = (float)factor;
        for (int i = 0; i < frequencies.Length; i++)
        {
            float frequency = frequencies[i],
                wavelength = (float)(2 * Math.PI) / frequency;
            if (wavelength > longest)
            {
                frequencies[i] = frequency / divisor;
            }
            else if (wavelength >= shortest)
            {
                float smooth = (originalMaxPositions / wavelength - (float)lowFreqFactor) / (float)(highFreqFactor - lowFreqFactor);
                frequencies[i] = (1 - smooth) * frequency / divisor + smooth * frequency;
            }
        }
        return new RotaryTable(frequencies);
    }

    /// <summary><c>yarn</c> (arXiv:2309.00071): dimensions that turn often are kept, those that turn seldom are interpolated, with a ramp
    /// between; attention is scaled.</summary>
    /// <param name="rotaryDim">number of rotated dimensions of a head, even</param>
    /// <param name="theta">the base, <c>rope_theta</c></param>
    /// <param name="factor">how many times longer than in pretraining the context becomes</param>
    /// <param name="originalMaxPositions"><c>original_max_position_embeddings</c></param>
    /// <param name="betaFast">dimensions with more turns than this over the original context are kept</param>
    /// <param name="betaSlow">dimensions with fewer turns than this are interpolated</param>
    /// <param name="attentionFactor">factor on cosines and sines; null derives it from the other arguments</param>
    /// <param name="mscale">with <paramref name="mscaleAllDim"/>, DeepSeek's form of the attention factor; null or 0 means the
    /// paper's</param>
    /// <param name="mscaleAllDim">see <paramref name="mscale"/></param>
    /// <param name="truncate">whether the ramp's ends are rounded outwards to whole dimensions</param>
    public static RotaryTable Yarn(
        int rotaryDim,
        double theta,
        double factor,
        int originalMaxPositions,
        double betaFast = 32,
        double betaSlow = 1,
        double? attentionFactor = null,
        double? mscale = null,
        double? mscaleAllDim = null,
        bool truncate = true
    )
    {
        double scaling =
            attentionFactor
            ?? (
                mscale is { } m && mscaleAllDim is { } all && m != 0 && all != 0
                    ? YarnMagnitude(factor, m) / YarnMagnitude(factor, all)
                    : YarnMagnitude(factor)
            );
        double low = RampEnd(betaFast),
            high = RampEnd(betaSlow);
        if (truncate)
        {
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        }
        (low, high) = (Math.Max(low, 0), Math.Min(high, rotaryDim - 1));
        if (low == high)
        {
            high += 0.001; // a ramp needs a width
        }
        float[] frequencies = new float[Frequencies(rotaryDim, theta).Length];
        for (int i = 0; i < frequencies.Length; i++)
        {
            float period = Power(theta, i, rotaryDim);
            float kept = 1 / period,
                interpolated = 1 / ((float)factor * period);
            float keep = 1 - Math.Clamp((i - (float)low) / (float)(high - low), 0f, 1f);
            frequencies[i] = interpolated * (1 - keep) + kept * keep;
        }
        return new RotaryTable(frequencies, (float)scaling);

        // The dimension that makes this many turns over the original context.
        double RampEnd(double turns) => rotaryDim * Math.Log(originalMaxPositions / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
    }

    /// <summary><c>dynamic</c> (NTK-aware scaling by the length): beyond <paramref name="maxPositions"/> the base is θ · (factor · length /
    /// max − (factor − 1))^(d / (d − 2)).</summary>
    public static RotaryTable Dynamic(int rotaryDim, double theta, double factor, int maxPositions)
    {
        RotaryTable within = Default(rotaryDim, theta),
            last = within;
        int lastLength = maxPositions;
        return new RotaryTable(
            within,
            length =>
            {
                if (length <= maxPositions)
                {
                    return within;
                }
                if (length != lastLength)
                {
                    double stretched = theta * Math.Pow(factor * length / maxPositions - (factor - 1), rotaryDim / (rotaryDim - 2.0));
                    (last, lastLength) = (Default(rotaryDim, stretched), length);
                }
                return last;
            }
        );
    }

    /// <summary><c>longrope</c> (arXiv:2402.13753): frequencies divided by one list of factors up to
    /// <paramref name="originalMaxPositions"/> tokens, and by another beyond.</summary>
    public static RotaryTable LongRope(
        int rotaryDim,
        double theta,
        ReadOnlySpan<double> shortFactors,
        ReadOnlySpan<double> longFactors,
        int originalMaxPositions,
        double attentionFactor
    )
    {
        RotaryTable within = Divided(shortFactors),
            beyond = Divided(longFactors);
        return new RotaryTable(within, length => length > originalMaxPositions ? beyond : within) { CacheSurvives = false };

        RotaryTable Divided(ReadOnlySpan<double> factors)
        {
            float[] frequencies = Frequencies(rotaryDim, theta);
            if (factors.Length != frequencies.Length)
            {
                throw new ArgumentException($"longrope needs {frequencies.Length} factors, got {factors.Length}", nameof(factors));
            }
            for (int i = 0; i < frequencies.Length; i++)
            {
                frequencies[i] = 1 / ((float)factors[i] * Power(theta, i, rotaryDim));
            }
            return new RotaryTable(frequencies, (float)attentionFactor);
        }
    }

    /// <summary>The same turned the other way: y_a = x_a · cos θ + x_b · sin θ.</summary>
    public RotaryTable Reversed()
    {
        float[] frequencies = [.. _inverseFrequencies];
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = -frequencies[i];
        }
        return new RotaryTable(frequencies, AttentionScaling);
    }

    /// <summary>YaRN's growth of attention with the context, 0.1 · mscale · ln(factor) + 1; DeepSeek also multiplies the softmax scale by
    /// its square.</summary>
    public static double YarnMagnitude(double factor, double mscale = 1) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;

    /// <summary>The table's rows for positions 0 to <paramref name="last"/>; row p starts at p · RotaryDim. Valid until the next
    /// call.</summary>
    internal float* Rows(int last)
    {
        if (last >= _positions)
        {
            Grow(Math.Max(last + 1, Math.Min(2 * _positions, _positions + 4096)));
        }
        return (float*)
            System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_rows));
    }

    private void Grow(int positions)
    {
        int half = _inverseFrequencies.Length;
        float[] rows = GC.AllocateUninitializedArray<float>(checked(positions * 2 * half), pinned: true);
        _rows.AsSpan().CopyTo(rows);
        for (int position = _positions; position < positions; position++)
        {
            Span<float> row = rows.AsSpan(position * 2 * half, 2 * half);
            for (int i = 0; i < half; i++)
            {
                float angle = position * _inverseFrequencies[i]; // rounded to float32 first, as the models were trained
                row[i] = (float)Math.Cos(angle) * AttentionScaling;
                row[half + i] = (float)Math.Sin(angle) * AttentionScaling;
            }
        }
        (_rows, _positions) = (rows, positions);
    }

    private static float[] Frequencies(int rotaryDim, double theta)
    {
        if (rotaryDim <= 0 || rotaryDim % 2 != 0 || !(theta > 0))
        {
            throw new ArgumentException(
                $"rotary positions need an even number of dimensions and a positive theta, got {rotaryDim} and {theta}",
                nameof(rotaryDim)
            );
        }
        float[] frequencies = new float[rotaryDim / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = 1 / Power(theta, i, rotaryDim);
        }
        return frequencies;
    }

    /// <summary>θ^(2i/d) with base and exponent in float32.</summary>
    private static float Power(double theta, int i, int rotaryDim) => (float)Math.Pow((float)theta, (float)(2 * i) / rotaryDim);
}
