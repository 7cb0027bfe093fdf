namespace Inkstone.Formats;

/// <summary>By what Llama 3.1 divides the rotary frequencies, as GGUF stores it: 1 for short wavelengths, the factor for long ones, a blend
/// between.</summary>
internal static class LlamaFrequencies
{
    public static double[] Factors(double theta, int headDim, double factor, double low, double high, int original)
    {
        double[] factors = new double[headDim / 2];
        for (int i = 0; i < factors.Length; i++)
        {
            double wavelength = 2 * Math.PI * Math.Pow(theta, 2.0 * i / headDim);
            double smooth = (original / wavelength - low) / (high - low);
            factors[i] =
                wavelength < original / high ? 1
                : wavelength > original / low ? factor
                : 1 / ((1 - smooth) / factor + smooth);
        }
        return factors;
    }
}
