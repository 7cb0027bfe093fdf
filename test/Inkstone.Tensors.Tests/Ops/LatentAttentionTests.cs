namespace Inkstone.Tensors.Tests;

/// <summary>Moving queries into the space of latents and values out of it.</summary>
[Collection(DeviceSuite.Name)]
public sealed class LatentAttentionTests(Devices devices)
{
    private const int Heads = 3,
        KeyDim = 10,
        RotatedDim = 6,
        ValueDim = 7,
        Rank = 64;

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Q8_0)]
    public void QueriesAndValues(DType type)
    {
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            using OpBench bench = new(device);
            (Tensor weight, double[] w) = Weight(bench, type);
            int rows = Heads * (KeyDim + ValueDim);
            float[] q = OpInput.Numbers(5 * Heads * (KeyDim + RotatedDim), 1),
                x = OpInput.Numbers(5 * Heads * (Rank + RotatedDim), 2);
            using (device.Step())
            {
                Tensor absorbed = Ops.AbsorbKeys(bench.Float(new Shape(1, 5, Heads * (KeyDim + RotatedDim)), q), weight, Heads, KeyDim);
                Tensor values = Ops.ExpandValues(bench.Float(new Shape(1, 5, Heads * (Rank + RotatedDim)), x), weight, Heads, KeyDim);
                double[] expectedQ =
                [
                    .. Enumerable
                        .Range(0, 5 * Heads)
                        .SelectMany(i =>
                            Enumerable
                                .Range(0, Rank)
                                .Select(r =>
                                    Enumerable
                                        .Range(0, KeyDim)
                                        .Sum(d => q[i * (KeyDim + RotatedDim) + d] * w[(i % Heads * (KeyDim + ValueDim) + d) * Rank + r])
                                )
                                .Concat(Enumerable.Range(KeyDim, RotatedDim).Select(d => (double)q[i * (KeyDim + RotatedDim) + d]))
                        ),
                ];
                double[] expectedV =
                [
                    .. Enumerable
                        .Range(0, 5 * Heads)
                        .SelectMany(i =>
                            Enumerable
                                .Range(0, ValueDim)
                                .Select(d =>
                                    Enumerable
                                        .Range(0, Rank)
                                        .Sum(r =>
                                            x[i * (Rank + RotatedDim) + r] * w[(i % Heads * (KeyDim + ValueDim) + KeyDim + d) * Rank + r]
                                        )
                                )
                        ),
                ];
                Near.Check(absorbed.Span, expectedQ, 2e-6, $"{device.Isa} queries");
                Near.Check(values.Span, expectedV, 2e-6, $"{device.Isa} values");
                weight.Shape[0].ShouldBe(rows);
            }
        }
    }

    [Fact]
    public void WrongSizesAndRecording_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step(record: true))
        {
            Tensor q = bench.Empty(new Shape(1, 2, 12)),
                w = bench.Float(new Shape(10, 4), new float[40], requiresGrad: true);
            Should.Throw<ArgumentException>(() => Ops.AbsorbKeys(q, w, 2, 3)).Message.ShouldContain("no backward");
            w.SetRequiresGrad(false);
            Should.Throw<ArgumentException>(() => Ops.AbsorbKeys(q, w, 2, 6)).Message.ShouldContain("do not fit");
            Should.Throw<ArgumentException>(() => Ops.ExpandValues(q, w, 2, 5)).Message.ShouldContain("do not fit");
        }
    }

    private static (Tensor Weight, double[] Values) Weight(OpBench bench, DType type)
    {
        Shape shape = new(Heads * (KeyDim + ValueDim), Rank);
        float[] values = OpInput.Numbers(shape.Count, 3);
        if (type == DType.Float32)
        {
            return (bench.Float(shape, values), OpInput.Doubles(values));
        }
        Tensor weight = Tensor.Allocate(bench.Device, shape, type);
        if (type == DType.BFloat16)
        {
            for (int i = 0; i < values.Length; i++)
            {
                weight.BFloat16s[i] = BFloat16Bits.FromFloat(values[i]);
                values[i] = BFloat16Bits.ToFloat(weight.BFloat16s[i]);
            }
            return (weight, OpInput.Doubles(values));
        }
        // Blocks of a half-precision scale and 32 signed bytes.
        Span<byte> bytes = weight.Bytes;
        double[] decoded = new double[values.Length];
        for (int block = 0; block < values.Length / 32; block++)
        {
            Half scale = (Half)(0.01f + 0.001f * (block % 7));
            BitConverter.TryWriteBytes(bytes[(block * 34)..], scale);
            for (int i = 0; i < 32; i++)
            {
                sbyte q = (sbyte)(values[block * 32 + i] * 60);
                bytes[block * 34 + 2 + i] = (byte)q;
                decoded[block * 32 + i] = (float)scale * q;
            }
        }
        return (weight, decoded);
    }
}
