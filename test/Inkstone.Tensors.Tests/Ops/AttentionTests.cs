namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed unsafe class AttentionTests(Devices devices)
{
    private const float Scale = 0.3f;

    /// <summary>Lengths and widths around the sizes of vectors and tiles; batch, heads and key-value heads in the usual
    /// proportions.</summary>
    public static TheoryData<int, int, int, int, int, int> Problems
    {
        get
        {
            TheoryData<int, int, int, int, int, int> data = [];
            foreach (int length in new[] { 1, 2, 3, 7, 15, 16, 17, 31, 33 })
            {
                data.Add(2, length, 2, 1, 4, 4);
            }
            foreach (int dim in new[] { 1, 2, 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 80 })
            {
                data.Add(1, 9, 2, 2, dim, dim);
            }
            data.Add(1, 64, 4, 2, 16, 16);
            data.Add(1, 65, 6, 2, 12, 20);
            data.Add(2, 67, 3, 1, 24, 16);
            data.Add(1, 129, 3, 3, 16, 16);
            data.Add(1, 150, 9, 3, 8, 8);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public void CausalGroupedQuery(int batch, int length, int heads, int keyValueHeads, int headDim, int valueDim) =>
        Check(new AttentionProblem(batch, length, length, heads, keyValueHeads, headDim, valueDim), null);

    [Theory]
    [InlineData(5, 2)]
    [InlineData(40, 5)]
    [InlineData(70, 3)]
    [InlineData(140, 9)]
    [InlineData(130, 130)]
    public void DocumentsDoNotSeeEachOther(int length, int documents)
    {
        AttentionProblem n = new(2, length, length, 4, 2, 16, 16);
        // The terms that cancel, scale · q · (dO·v), are 0.9 in root mean square: of documents of one token nothing is left but their
        // rounding.
        Check(n, Documents.Starts(n.B, n.T, documents), gradScale: documents == length ? 0.5 : 0.1);
    }

    [Theory]
    [InlineData(5, 1, 1)]
    [InlineData(40, 7, 1)]
    [InlineData(150, 96, 1)]
    [InlineData(210, 97, 1)]
    [InlineData(140, 30, 4)]
    public void AWindow_HidesWhatLiesFurtherBack(int length, int window, int documents)
    {
        AttentionProblem n = new(2, length, length, 4, 2, 16, 12);
        Check(n, documents == 1 ? null : Documents.Starts(n.B, n.T, documents), window);
    }

    /// <summary>Caps near the size of scores, so that each is bent; sinks as likely as keys.</summary>
    [Theory]
    [InlineData(1, 9, 2, 2, 5, 5, 0.2f, false, 9, 1)]
    [InlineData(2, 67, 4, 2, 16, 12, 0.1f, true, 67, 1)]
    [InlineData(1, 40, 4, 1, 16, 16, 0f, true, 7, 1)]
    [InlineData(1, 150, 3, 3, 8, 8, 0f, true, 150, 4)]
    [InlineData(2, 131, 4, 2, 20, 11, 0.15f, true, 33, 3)]
    public void SoftCapsAndSinks(
        int batch,
        int length,
        int heads,
        int keyValueHeads,
        int headDim,
        int valueDim,
        float softCap,
        bool sink,
        int window,
        int documents
    )
    {
        AttentionProblem n = new(batch, length, length, heads, keyValueHeads, headDim, valueDim);
        int[]? starts = documents == 1 ? null : Documents.Starts(batch, length, documents);
        (OpInput q, OpInput k, OpInput v) = Inputs(n);
        OpInput sinks = OpInput.Random(new Shape(heads), 4, -1, 2);
        new OpCheck(
            (bench, x) =>
                Ops.Attention(
                    x[0],
                    x[1],
                    x[2],
                    heads,
                    keyValueHeads,
                    Scale,
                    starts is null ? null : bench.Int(new Shape(batch, length), starts),
                    window,
                    softCap,
                    sink ? x[3] : null
                ),
            x => Reference.Attention(x[0], x[1], x[2], n, Scale, starts, window, softCap, sink ? x[3] : null),
            sink ? [q, k, v, sinks] : [q, k, v]
        )
        {
            Tolerance = 2e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    [Theory]
    [InlineData(1, 50)]
    [InlineData(3, 20)]
    [InlineData(17, 70)]
    public void SoftCapsAndSinks_OnACache(int queries, int keys)
    {
        AttentionProblem n = new(2, queries, keys, 6, 3, 20, 12);
        (OpInput q, OpInput k, OpInput v) = Inputs(n);
        float[] sinks = OpInput.Numbers(6, 4, -1, 2);
        double[] expected = Reference.Attention(
            OpInput.Doubles(q.Values),
            OpInput.Doubles(k.Values),
            OpInput.Doubles(v.Values),
            n,
            Scale,
            null,
            30,
            0.2,
            OpInput.Doubles(sinks)
        );
        foreach (Device device in devices.Levels)
        {
            using OpBench bench = new(device);
            using (device.Step())
            {
                Tensor y = Ops.Attention(
                    bench.Float(q.Shape, q.Values),
                    bench.Float(k.Shape, k.Values),
                    bench.Float(v.Shape, v.Values),
                    6,
                    3,
                    Scale,
                    null,
                    30,
                    0.2f,
                    bench.Float(new Shape(6), sinks)
                );
                Near.Check(y.Span, expected, 2e-6, $"{device.Isa} {queries} of {keys}");
            }
        }
    }

    /// <summary>Everything at once, at lengths that fill blocks of 96 and strips of 32 badly.</summary>
    [Theory]
    [InlineData(1, 97, 6, 2, 20, 12, 33, 1)]
    [InlineData(2, 193, 4, 2, 7, 11, 50, 3)]
    [InlineData(1, 227, 3, 1, 12, 8, 97, 4)]
    [InlineData(1, 323, 2, 1, 6, 3, 130, 2)]
    [InlineData(3, 131, 4, 4, 5, 9, 1, 5)]
    public void WindowsInDocumentsOfGroups(
        int batch,
        int length,
        int heads,
        int keyValueHeads,
        int headDim,
        int valueDim,
        int window,
        int documents
    ) =>
        Check(
            new AttentionProblem(batch, length, length, heads, keyValueHeads, headDim, valueDim),
            Documents.Starts(batch, length, documents),
            window
        );

    /// <summary>In bfloat16, also with the operands of AMX, against float32: values and all gradients within the rounding of operands to 8
    /// bits.</summary>
    [Theory]
    [InlineData(257, 4, 2, 64, 64, 1000, 1)]
    [InlineData(131, 2, 1, 80, 48, 40, 3)]
    [InlineData(96, 2, 2, 33, 70, 96, 1)]
    public void BFloat16_IsCloseToFloat32(int length, int heads, int keyValueHeads, int headDim, int valueDim, int window, int documents)
    {
        AttentionProblem n = new(2, length, length, heads, keyValueHeads, headDim, valueDim);
        int[] starts = Documents.Starts(n.B, n.T, documents);
        float[][] exact = Passes(DType.Float32, null);
        foreach (float[][] rounded in new[] { Passes(DType.BFloat16, null), Passes(DType.BFloat16, TileLayoutKernel) })
        {
            for (int i = 0; i < exact.Length; i++)
            {
                double difference = 0,
                    size = 0;
                for (int j = 0; j < exact[i].Length; j++)
                {
                    difference += Math.Pow(exact[i][j] - rounded[i][j], 2);
                    size += Math.Pow(exact[i][j], 2);
                }
                Math.Sqrt(difference / size).ShouldBeLessThan(0.01, $"result {i}");
            }
        }

        float[][] Passes(DType type, MicroKernel? kernel)
        {
            using Device device = new(2, null, type);
            device.MatMulKernel = kernel ?? device.MatMulKernel;
            using OpBench bench = new(device);
            (OpInput q, OpInput k, OpInput v) = Inputs(n);
            Tensor[] x = [bench.Float(q.Shape, q.Values, true), bench.Float(k.Shape, k.Values, true), bench.Float(v.Shape, v.Values, true)];
            using (device.Step(record: true))
            {
                Tensor y = Ops.Attention(x[0], x[1], x[2], n.H, n.Hkv, 0.4f, bench.Int(new Shape(n.B, n.T), starts), window);
                float[] value = y.Span.ToArray();
                device.Tape.Backward(Ops.Sum(Ops.Multiply(y, bench.Float(y.Shape, OpInput.Numbers(value.Length, 5, -1, 1)))));
                return [value, .. x.Select(t => t.Grad!.Span.ToArray())];
            }
        }
    }

    [Fact]
    public void OnACache_QueriesStandAtTheEnd()
    {
        foreach (int keys in new[] { 1, 2, 16, 17, 63, 64, 65, 100, 257, 300 })
        {
            foreach (
                (int queries, int? window) in new (int, int?)[]
                {
                    (1, null),
                    (1, 20),
                    (2, null),
                    (5, null),
                    (5, 3),
                    (17, null),
                    (17, 90),
                    (66, null),
                    (66, 40),
                }.Where(t => t.Item1 <= keys)
            )
            {
                AttentionProblem n = new(2, queries, keys, 6, 3, 20, 12);
                (OpInput q, OpInput k, OpInput v) = Inputs(n);
                double[] expected = Reference.Attention(
                    OpInput.Doubles(q.Values),
                    OpInput.Doubles(k.Values),
                    OpInput.Doubles(v.Values),
                    n,
                    Scale,
                    null,
                    window ?? int.MaxValue
                );
                foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
                {
                    using OpBench bench = new(device);
                    using (device.Step())
                    {
                        Tensor y = Ops.Attention(
                            bench.Float(q.Shape, q.Values),
                            bench.Float(k.Shape, k.Values),
                            bench.Float(v.Shape, v.Values),
                            n.H,
                            n.Hkv,
                            Scale,
                            null,
                            window
                        );
                        Near.Check(y.Span, expected, 2e-6, $"{device.Isa} {queries} of {keys}, window {window}");
                    }
                }
            }
        }
    }

    [Fact]
    public void LargeScores_DoNotOverflow()
    {
        AttentionProblem n = new(1, 20, 20, 1, 1, 4, 4);
        (OpInput q, OpInput k, OpInput v) = Inputs(n);
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor y = Ops.Attention(
                bench.Float(q.Shape, q.Values),
                bench.Float(k.Shape, k.Values),
                bench.Float(v.Shape, v.Values),
                1,
                1,
                1000
            );
            Near.Check(
                y.Span,
                Reference.Attention(OpInput.Doubles(q.Values), OpInput.Doubles(k.Values), OpInput.Doubles(v.Values), n, 1000),
                1e-3,
                "scaled by 1000"
            );
        }
    }

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        Tensor q = bench.Empty(new Shape(1, 2, 12)),
            k = bench.Empty(new Shape(1, 3, 6)),
            v = bench.Empty(new Shape(1, 3, 6));
        k.SetRequiresGrad(true);
        using (devices.Default.Step(record: true))
        {
            Should.Throw<ArgumentException>(() => Ops.Attention(q, k, v, 4, 3, 1));
            Should.Throw<ArgumentException>(() => Ops.Attention(k, q, v, 2, 2, 1));
            Should.Throw<ArgumentException>(() => Ops.Attention(q, k, v, 4, 2, 1)).Message.ShouldContain("no backward");
        }
    }

    /// <summary>Plain code that reads operands as <see cref="AmxKernel"/> does, for machines without AMX.</summary>
    private static readonly MicroKernel TileLayoutKernel = new()
    {
        Name = "tiles",
        Rows = 32,
        Columns = 32,
        Layout = PanelLayout.Tiles,
        Run = &MultiplyTiles,
    };

    private static void MultiplyTiles(TileArguments* t)
    {
        nint strideA = t->Steps * 32 + AmxKernel.RowPaddingBytes / sizeof(ushort),
            strideC = t->StrideC / sizeof(float),
            strideAddend = t->StrideAddend / sizeof(float);
        for (int i = 0; i < 32; i++)
        {
            for (int j = 0; j < 32; j++)
            {
                float sum = t->Addend == null ? 0 : t->Addend[i * strideAddend + j];
                for (int k = 0; k < 32 * t->Steps; k++)
                {
                    sum +=
                        BFloat16Bits.ToFloat(((ushort*)t->A)[i * strideA + k])
                        * BFloat16Bits.ToFloat(((ushort*)t->B)[(k / 2 * 32 + j) * 2 + k % 2]);
                }
                t->C[i * strideC + j] = sum;
            }
        }
    }

    private void Check(AttentionProblem n, int[]? starts, int? window = null, double gradScale = 0.1)
    {
        (OpInput q, OpInput k, OpInput v) = Inputs(n);
        new OpCheck(
            (bench, x) =>
                Ops.Attention(x[0], x[1], x[2], n.H, n.Hkv, Scale, starts is null ? null : bench.Int(new Shape(n.B, n.T), starts), window),
            x => Reference.Attention(x[0], x[1], x[2], n, Scale, starts, window ?? int.MaxValue),
            q,
            k,
            v
        )
        {
            Tolerance = 2e-6,
            GradTolerance = 1e-5,
            GradScale = gradScale,
        }.Run(devices);
    }

    private static (OpInput Q, OpInput K, OpInput V) Inputs(AttentionProblem n) =>
        (
            OpInput.Random(new Shape(n.B, n.T, n.H * n.D), 1),
            OpInput.Random(new Shape(n.B, n.S, n.Hkv * n.D), 2),
            OpInput.Random(new Shape(n.B, n.S, n.Hkv * n.Dv), 3)
        );
}
