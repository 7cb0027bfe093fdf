namespace Inkstone.Tensors;

/// <summary>One comparison: the largest difference found, relative to the largest value, and what is allowed.</summary>
public sealed record KernelCheck(string Name, double Worst, double Tolerance)
{
    /// <summary>Within the tolerance.</summary>
    public bool Ok => Worst <= Tolerance;
}

/// <summary>Every op's forward and backward pass at every instruction-set level of this machine, against the portable level in
/// float32.</summary>
public static class KernelVerification
{
    /// <summary>Runs all of them. bfloat16 levels are also run multiplying in bfloat16, with a tolerance of its 8 bits.</summary>
    public static IReadOnlyList<KernelCheck> Run()
    {
        List<KernelCheck> checks = [];
        using Device portable = new(1, Isa.Portable);
        foreach (Isa level in CpuFeatures.Levels().Where(level => level <= CpuFeatures.Best()))
        {
            Compare(portable, level, DType.Float32, 2e-5, checks);
            if (level >= Isa.Avx512Bf16)
            {
                Compare(portable, level, DType.BFloat16, 3e-2, checks);
            }
        }
        return checks;
    }

    private static void Compare(Device portable, Isa level, DType type, double tolerance, List<KernelCheck> checks)
    {
        using Device device = new(2, level, type);
        foreach (KernelCase one in KernelCases.All)
        {
            List<float[]> expected = Evaluate(portable, one),
                actual = Evaluate(device, one);
            double worst = expected.Zip(actual, Difference).Max();
            checks.Add(
                new KernelCheck(
                    $"{level.ToString().ToLowerInvariant()}/{(type == DType.Float32 ? "fp32" : "bf16")}/{one.Name}",
                    worst,
                    tolerance
                )
            );
        }
    }

    /// <summary>The result and, where it has gradients, those of all inputs, of the loss Σ result · fixed weights.</summary>
    private static List<float[]> Evaluate(Device device, KernelCase one)
    {
        using KernelInputs inputs = new(device);
        List<float[]> arrays = [];
        using (device.Step(record: one.Recorded))
        {
            Tensor y = one.Run(inputs);
            arrays.Add(y.Span.ToArray());
            if (!one.Recorded)
            {
                return arrays;
            }
            Tensor weights = device.Rent(y.Shape);
            new PhiloxRandom(9, 0).FillNormal(weights.Span, 1);
            device.Tape.Backward(Ops.Sum(Ops.Multiply(y, weights)));
            arrays.AddRange(inputs.Trained.Where(t => t.Grad is not null).Select(t => t.Grad!.Span.ToArray()));
        }
        return arrays;
    }

    private static double Difference(float[] expected, float[] actual)
    {
        double worst = 0,
            largest = 1e-30;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            worst = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(worst, difference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }
        return worst / largest;
    }
}
