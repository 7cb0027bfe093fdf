using System.Buffers.Binary;

namespace Inkstone.Tensors.Tests;

/// <summary>Ops on quantised weights equal the same ops on the same weights in float32, whatever the number of rows, threads and the
/// instruction set.</summary>
public sealed class QuantisedWeightTests
{
    private const int N = 37,
        K = 96;

    public static TheoryData<DType, int, Isa> Cases
    {
        get
        {
            TheoryData<DType, int, Isa> cases = new();
            foreach (DType type in new[] { DType.Q8_0, DType.Q4_0, DType.Q4_1, DType.BFloat16 })
            {
                foreach (int rows in new[] { 1, 2, 3, 7, 16, 17, 50 })
                {
                    foreach (Isa isa in CpuFeatures.Levels().Where(l => l <= Isa.Avx512))
                    {
                        cases.Add(type, rows, isa);
                    }
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Linear_forward_and_its_input_gradient(DType type, int rows, Isa isa)
    {
        using Device device = new(threads: 2, isa);
        (Tensor weight, Tensor plain) = Weights(device, type, N, K);
        float[] x = Numbers(rows * K, 5),
            dy = Numbers(rows * N, 6);
        (float[] y, float[] dx) = Run(device, weight, x, dy, rows);
        (float[] wantedY, float[] wantedDx) = Run(device, plain, x, dy, rows);
        Near(y, wantedY);
        Near(dx, wantedDx);
    }

    /// <summary>Maps of the same x as one job give the bits of each alone, whatever their widths, where types differ too.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Linears_of_one_input_are_those_of_each_alone(DType type, int rows, Isa isa)
    {
        using Device device = new(threads: 2, isa);
        (Tensor first, Tensor other) = Weights(device, type, N, K);
        (Tensor second, _) = Weights(device, type, 8, K);
        (Tensor third, _) = Weights(device, type, 100, K);
        using Tensor x = Tensor.From(device, new Shape(rows, K), Numbers(rows * K, 5)),
            bias = Tensor.From(device, new Shape(8), Numbers(8, 9));
        using StepScope step = device.Step();
        Same([first, second, third], [null, bias, null]);
        Same([third, first], [null, null]);
        Same([other, second, third], [null, null, null]);

        void Same(ReadOnlySpan<Tensor> weights, ReadOnlySpan<Tensor?> biases)
        {
            Span<Tensor> y = new Tensor[weights.Length];
            Ops.LinearEach(x, weights, biases, y);
            for (int i = 0; i < y.Length; i++)
            {
                y[i].Span.ToArray().ShouldBe(Ops.Linear(x, weights[i], biases[i]).Span.ToArray());
            }
        }
    }

    /// <summary>A step that does not train rounds activations to 8 bits, unless another type was asked for.</summary>
    [Theory]
    [InlineData(DType.Q8_0, 1)]
    [InlineData(DType.Q8_0, 50)]
    [InlineData(DType.Q4_1, 7)]
    public void Products_of_8_bits_can_be_declined(DType type, int rows)
    {
        using Device device = new(threads: 2);
        (Tensor weight, Tensor plain) = Weights(device, type, N, K);
        float[] x = Numbers(rows * K, 5);
        float[] wanted = Product(plain),
            rounded = Product(weight);
        rounded.Zip(wanted).ShouldContain(p => Math.Abs(p.First - p.Second) > 1e-3f * Math.Abs(p.Second));
        device.Int8Products = false;
        Near(Product(weight), wanted);

        float[] Product(Tensor table)
        {
            using Tensor input = Tensor.From(device, new Shape(rows, K), x);
            using StepScope step = device.Step();
            return Ops.Linear(input, table).Span.ToArray();
        }
    }

    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_0)]
    [InlineData(DType.Q4_1)]
    public void Embedding_and_loss_head(DType type)
    {
        using Device device = new(threads: 2);
        (Tensor weight, Tensor plain) = Weights(device, type, N, K);
        float[] x = Numbers(9 * K, 7);
        int[] ids = [3, 0, 36, 3, 20, 1, 1, 35, 12];
        (float[] rows, float loss, float[] dx) = Head(weight);
        (float[] wantedRows, float wantedLoss, float[] wantedDx) = Head(plain);
        rows.ShouldBe(wantedRows);
        loss.ShouldBe(wantedLoss, 1e-5);
        Near(dx, wantedDx);

        (float[], float, float[]) Head(Tensor table)
        {
            using Tensor input = Tensor.From(device, new Shape(9, K), x, requiresGrad: true);
            using (device.Step(record: true))
            {
                Tensor labels = device.Rent(new Shape(9), ids);
                float[] found = Ops.Embedding(table, labels).Span.ToArray();
                Tensor loss = Ops.LinearCrossEntropy(input, table, labels, 9);
                device.Tape.Backward(loss);
                return (found, loss.Item(), input.Grad!.Span.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_1)]
    public void Threads_change_nothing(DType type)
    {
        float[][] results = new float[2][];
        for (int i = 0; i < 2; i++)
        {
            using Device device = new(threads: 1 + 2 * i);
            results[i] = Run(device, Weights(device, type, N, K).Weight, Numbers(5 * K, 8), Numbers(5 * N, 9), 5).Y;
        }
        results[1].ShouldBe(results[0]);
    }

    [Fact]
    public void Half_precision_scales_are_exact()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            float wanted = (float)BitConverter.UInt16BitsToHalf((ushort)bits),
                got = Blocks32.Half((ushort)bits);
            (
                BitConverter.SingleToInt32Bits(got) == BitConverter.SingleToInt32Bits(wanted) || float.IsNaN(got) && float.IsNaN(wanted)
            ).ShouldBeTrue($"{bits:X4}");
        }
    }

    [Fact]
    public void Quantised_weights_are_not_trained()
    {
        using Device device = new(threads: 1);
        Should.Throw<ArgumentException>(() => Tensor.Allocate(device, new Shape(2, 32), DType.Q8_0, requiresGrad: true));
        Should.Throw<ArgumentException>(() => Tensor.Allocate(device, new Shape(2, 33), DType.Q8_0));
        Should.Throw<InvalidOperationException>(() => Tensor.Allocate(device, new Shape(2, 32), DType.Q4_0).SetRequiresGrad(true));
    }

    private static (float[] Y, float[] Dx) Run(Device device, Tensor weight, float[] x, float[] dy, int rows)
    {
        using Tensor input = Tensor.From(device, new Shape(rows, K), x, requiresGrad: true);
        using Tensor gradient = Tensor.From(device, new Shape(rows, N), dy);
        using (device.Step(record: true))
        {
            Tensor y = Ops.Linear(input, weight);
            float[] values = y.Span.ToArray();
            device.Tape.Backward(Ops.Sum(Ops.Multiply(y, gradient)));
            return (values, input.Grad!.Span.ToArray());
        }
    }

    /// <summary>A weight of random bits with scales around 1/16, and what it stands for, decoded element by element.</summary>
    private static (Tensor Weight, Tensor Plain) Weights(Device device, DType type, int rows, int width)
    {
        Tensor weight = Tensor.Allocate(device, new Shape(rows, width), type),
            plain = Tensor.Allocate(device, new Shape(rows, width));
        Random random = new(11);
        random.NextBytes(weight.Bytes);
        if (type == DType.BFloat16)
        {
            for (int i = 0; i < plain.Count; i++)
            {
                weight.BFloat16s[i] = BFloat16Bits.FromFloat(random.NextSingle() - 0.5f);
                plain.Span[i] = BFloat16Bits.ToFloat(weight.BFloat16s[i]);
            }
            return (weight, plain);
        }
        int size = type.BlockBytes();
        for (int b = 0; b < rows * width / 32; b++)
        {
            Span<byte> block = weight.Bytes.Slice(b * size, size);
            float d = (float)(Half)(random.NextSingle() / 16),
                m = type == DType.Q4_1 ? (float)(Half)(random.NextSingle() - 1) : 0;
            BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
            if (type == DType.Q4_1)
            {
                BinaryPrimitives.WriteHalfLittleEndian(block[2..], (Half)m);
            }
            for (int j = 0; j < 32; j++)
            {
                int q =
                    type == DType.Q8_0
                        ? (sbyte)block[2 + j]
                        : (block[(type == DType.Q4_0 ? 2 : 4) + j % 16] >> (j < 16 ? 0 : 4) & 15) - (type == DType.Q4_0 ? 8 : 0);
                plain.Span[b * 32 + j] = d * q + m;
            }
        }
        return (weight, plain);
    }

    private static float[] Numbers(int count, ulong seed)
    {
        float[] values = new float[count];
        new PhiloxRandom(seed, 1).FillNormal(values, 1);
        return values;
    }

    private static void Near(float[] got, float[] wanted)
    {
        float largest = wanted.Max(MathF.Abs);
        for (int i = 0; i < wanted.Length; i++)
        {
            got[i].ShouldBe(wanted[i], 1e-5f * largest);
        }
    }
}
