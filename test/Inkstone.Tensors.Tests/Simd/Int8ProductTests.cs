using System.Buffers.Binary;

namespace Inkstone.Tensors.Tests;

/// <summary>Products of 8-bit activations with quantised weights, against plain integer arithmetic on the same blocks.</summary>
[Collection(DeviceSuite.Name)]
public sealed unsafe class Int8ProductTests(Devices devices)
{
    private static readonly DType[] Types = [DType.Q8_0, DType.Q4_0, DType.Q4_1];

    public static TheoryData<DType, int, int, int> Sizes
    {
        get
        {
            TheoryData<DType, int, int, int> sizes = new();
            foreach (DType type in Types)
            {
                foreach (
                    (int m, int n, int k) in new[]
                    {
                        (1, 8, 32),
                        (1, 37, 96),
                        (2, 5, 64),
                        (3, 16, 160),
                        (4, 33, 32),
                        (5, 32, 64),
                        (6, 64, 96),
                        (7, 31, 32),
                        (13, 70, 224),
                        (64, 1, 64),
                    }
                )
                {
                    sizes.Add(type, m, n, k);
                }
            }
            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_level_and_thread_count_gives_the_integer_sums_inside_its_memory(DType type, int m, int n, int k)
    {
        float[] x = Numbers(m * k, 1),
            addend = Numbers(m * n, 2);
        byte[] weight = Weight(type, n, k);
        double[] wanted = Reference(type, x, weight, addend, m, n, k);
        float[]? first = null;
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            float[] got = Run(device, type, x, weight, addend, m, n, k);
            first ??= got;
            got.ShouldBe(first, $"{device.Isa}, {device.Workers.Count} threads: kernels differ in speed, not in bits");
        }
        double largest = wanted.Max(Math.Abs);
        for (int i = 0; i < wanted.Length; i++)
        {
            ((double)first![i]).ShouldBe(wanted[i], 2e-6 * largest);
        }
    }

    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_0)]
    [InlineData(DType.Q4_1)]
    public void A_row_does_not_depend_on_how_many_there_are(DType type)
    {
        const int Most = 20,
            N = 45,
            K = 160;
        float[] x = Numbers(Most * K, 5),
            addend = Numbers(Most * N, 6);
        byte[] weight = Weight(type, N, K);
        foreach (Device device in devices.Levels)
        {
            float[][] alone =
            [
                .. Enumerable
                    .Range(0, Most)
                    .Select(row => Run(device, type, x[(row * K)..((row + 1) * K)], weight, addend[(row * N)..((row + 1) * N)], 1, N, K)),
            ];
            for (int m = 1; m <= Most; m++)
            {
                float[] together = Run(device, type, x[..(m * K)], weight, addend[..(m * N)], m, N, K);
                for (int row = 0; row < m; row++)
                {
                    together[(row * N)..((row + 1) * N)].ShouldBe(alone[row], $"{device.Isa}, row {row} of {m}");
                }
            }
        }
    }

    [Fact]
    public void Each_kernel_gives_the_bits_of_the_portable_one()
    {
        foreach (DType type in Types)
        {
            foreach (Isa level in CpuFeatures.Levels())
            {
                float[] got = Int8Proof.Product(Int8Kernel.Of(level), type),
                    wanted = Int8Proof.Product(PortableInt8.Kernel, type);
                got.ShouldBe(wanted, $"{type} {level}");
                wanted.ShouldAllBe(v => float.IsFinite(v));
            }
        }
    }

    [Fact]
    public void Activations_are_rounded_as_a_scalar_loop_rounds_them()
    {
        const int K = 32 * 40;
        float[] x = Numbers(K, 3);
        for (int block = 0; block < 40; block++)
        {
            float size = MathF.Pow(10, block / 2 - 12);
            for (int j = 0; j < 32; j++)
            {
                x[block * 32 + j] *= block == 7 ? 0 : size;
            }
        }
        x[33] = 0.5f * (x[32] = x[32..64].Max(MathF.Abs) * 2) * 3 / 127; // exactly between two integers
        byte[] memory = new byte[Int8Rows.Bytes(1, K)];
        fixed (byte* bytes = memory)
        {
            fixed (float* source = x)
            {
                Int8Rows rows = new(bytes, 1, K);
                rows.Quantise(0, source, zero: 8);
                for (int block = 0; block < 40; block++)
                {
                    (int[] q, float d, float sum) = Rounded(x.AsSpan(block * 32, 32));
                    new ReadOnlySpan<sbyte>(rows.Values(0) + block * 32, 32).ToArray().Select(v => (int)v).ShouldBe(q);
                    rows.Scales(0)[block].Scale.ShouldBe(d);
                    rows.Scales(0)[block].Sum.ShouldBe(sum);
                    rows.Scales(0)[block].Offset.ShouldBe(-8 * q.Sum());
                }
            }
        }
    }

    [Fact]
    public void Half_precision_is_reached_without_the_type()
    {
        for (uint bits = 0; bits < 0x48000000; bits += 977)
        {
            float value = BitConverter.UInt32BitsToSingle(bits);
            Int8Rows.ThroughHalf(value).ShouldBe((float)(Half)value);
            Int8Rows.ThroughHalf(-value).ShouldBe((float)(Half)(-value));
        }
        foreach (float value in (float[])[65504, 65519.99f, 65520, 1e30f, float.PositiveInfinity])
        {
            Int8Rows.ThroughHalf(value).ShouldBe((float)(Half)value);
        }
        float.IsNaN(Int8Rows.ThroughHalf(float.NaN)).ShouldBeTrue();
    }

    [Fact]
    public void Recording_widens_and_inference_rounds()
    {
        Device device = devices.Default;
        using Tensor x = Tensor.From(device, new Shape(3, 64), Numbers(3 * 64, 4), requiresGrad: true);
        using Tensor weight = Tensor.Allocate(device, new Shape(9, 64), DType.Q8_0);
        Weight(DType.Q8_0, 9, 64).CopyTo(weight.Bytes);
        float[] trained,
            inferred;
        using (device.Step(record: true))
        {
            trained = Ops.Linear(x, weight).Span.ToArray();
        }
        using (device.Step())
        {
            inferred = Ops.Linear(x, weight).Span.ToArray();
        }
        float largest = trained.Max(MathF.Abs),
            worst = trained.Zip(inferred, (a, b) => MathF.Abs(a - b)).Max();
        worst.ShouldBeInRange(1e-5f * largest, 0.02f * largest);
        device.Int8Products = false;
        using (device.Step())
        {
            Ops.Linear(x, weight).ToArray().ShouldBe(trained, "a device that declines 8 bits measures what it trains");
        }
        device.Int8Products = true;
    }

    private static float[] Run(Device device, DType type, float[] x, byte[] weight, float[] addend, int m, int n, int k)
    {
        using GuardedMemory a = new(4L * m * k),
            w = new(weight.Length),
            c = new(4L * m * n),
            d = new(4L * m * n);
        x.CopyTo(new Span<float>(a.Pointer, m * k));
        weight.CopyTo(new Span<byte>(w.Pointer, weight.Length));
        addend.CopyTo(new Span<float>(d.Pointer, m * n));
        using (device.Step())
        {
            MatrixView right = new MatrixView(w.Pointer, type, k, 1).T;
            MatMul.Run(device, MatrixView.Rows((float*)a.Pointer, k), right, m, n, k, (float*)c.Pointer, n, (float*)d.Pointer, n);
        }
        return new Span<float>(c.Pointer, m * n).ToArray();
    }

    /// <summary>Σ over blocks of the integer sum times both scales, in double precision.</summary>
    private static double[] Reference(DType type, float[] x, byte[] weight, float[] addend, int m, int n, int k)
    {
        double[] result = new double[m * n];
        int size = type.BlockBytes();
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                double sum = addend[row * n + column];
                for (int block = 0; block < k / 32; block++)
                {
                    (int[] q, float d, float total) = Rounded(x.AsSpan(row * k + block * 32, 32));
                    ReadOnlySpan<byte> w = weight.AsSpan((column * (k / 32) + block) * size, size);
                    int dot = 0;
                    for (int j = 0; j < 32; j++)
                    {
                        dot +=
                            q[j]
                            * (
                                type == DType.Q8_0
                                    ? (sbyte)w[2 + j]
                                    : (w[(type == DType.Q4_0 ? 2 : 4) + j % 16] >> (j < 16 ? 0 : 4) & 15) - (type == DType.Q4_0 ? 8 : 0)
                            );
                    }
                    sum += (double)dot * d * (float)BinaryPrimitives.ReadHalfLittleEndian(w);
                    sum += type == DType.Q4_1 ? (double)total * (float)BinaryPrimitives.ReadHalfLittleEndian(w[2..]) : 0;
                }
                result[row * n + column] = sum;
            }
        }
        return result;
    }

    /// <summary>ggml's quantize_row_q8_0 and q8_1.</summary>
    private static (int[] Q, float D, float Sum) Rounded(ReadOnlySpan<float> x)
    {
        float largest = 0;
        foreach (float value in x)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }
        int[] q = new int[32];
        for (int j = 0; j < 32; j++)
        {
            q[j] = largest == 0 ? 0 : (int)MathF.Round(x[j] * (127 / largest), MidpointRounding.ToEven);
        }
        float d = largest / 127;
        return (q, (float)(Half)d, (float)(Half)(d * q.Sum()));
    }

    private static byte[] Weight(DType type, int rows, int width)
    {
        byte[] weight = new byte[rows * width / 32 * type.BlockBytes()];
        Random random = new(11);
        random.NextBytes(weight);
        for (int block = 0; block < weight.Length; block += type.BlockBytes())
        {
            BinaryPrimitives.WriteHalfLittleEndian(weight.AsSpan(block), (Half)(random.NextSingle() / 16));
            if (type == DType.Q4_1)
            {
                BinaryPrimitives.WriteHalfLittleEndian(weight.AsSpan(block + 2), (Half)(random.NextSingle() - 1));
            }
        }
        return weight;
    }

    private static float[] Numbers(int count, ulong stream)
    {
        float[] values = new float[count];
        new PhiloxRandom(21, stream).FillNormal(values, 1);
        return values;
    }
}
