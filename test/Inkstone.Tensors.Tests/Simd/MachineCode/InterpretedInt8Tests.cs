namespace Inkstone.Tensors.Tests;

/// <summary>The int8 kernels in the interpreter give the bits of the portable kernel and touch nothing but their operands.</summary>
public sealed unsafe class InterpretedInt8Tests
{
    private const int Columns = Int8Kernel.Columns,
        Width = Columns + 5,
        Gap = 64;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tiles(bool minima)
    {
        foreach ((int blocks, bool withAddend) in ((int, bool)[])[(0, false), (0, true), (1, false), (3, true)])
        {
            float[] wanted = Tile(
                minima,
                blocks,
                withAddend,
                tile => PortableInt8.Kernel.Tile(minima ? DType.Q4_1 : DType.Q8_0, (Int8Tile*)tile)
            );
            for (int rows = 1; rows <= AssembledInt8.Rows; rows++)
            {
                AssembledFunction code = AssembledFunctions.Int8Tile(rows, minima);
                float[] got = Tile(
                    minima,
                    blocks,
                    withAddend,
                    tile =>
                    {
                        Interpreter interpreter = new(
                            Memory(*(Int8Tile*)tile, minima, rows).Allow("arguments", (void*)tile, sizeof(Int8Tile), Access.Read)
                        );
                        interpreter.Run(code, tile);
                        interpreter.MultiplyAdds.ShouldBe(rows * Columns * blocks * (32 + (minima ? 2 : 1)));
                    }
                );
                int written = (rows - 1) * Width + Columns;
                got[..written].ShouldBe(wanted[..written], $"{code.Name}, {blocks} blocks");
            }
        }
    }

    [Theory]
    [InlineData(DType.Q8_0, 1)]
    [InlineData(DType.Q8_0, 3)]
    [InlineData(DType.Q4_0, 1)]
    [InlineData(DType.Q4_0, 3)]
    [InlineData(DType.Q4_1, 1)]
    [InlineData(DType.Q4_1, 3)]
    public void Dots(DType type, int blocks)
    {
        AssembledFunction code = AssembledFunctions.Int8Dot(type);
        int row = blocks * type.BlockBytes();
        float[] got = Dot(
            type,
            blocks,
            dot =>
            {
                Int8Dot arguments = *(Int8Dot*)dot;
                new Interpreter(
                    new CheckedMemory()
                        .Allow("arguments", (void*)dot, sizeof(Int8Dot), Access.Read)
                        .Allow("weight", arguments.Weight, row, Access.Read, Int8Kernel.DotRows, arguments.StrideWeight)
                        .Allow("x", arguments.X, blocks * 32, Access.Read)
                        .Allow("scales", arguments.Scales, blocks * sizeof(Int8Scale), Access.Read)
                        .Allow("sums", arguments.Sums, Int8Kernel.DotRows * sizeof(float), Access.Write)
                        .Allow("ahead, to the end of its last line", arguments.Ahead, Int8Kernel.DotRows * row + 64, Access.Prefetch)
                ).Run(code, dot);
            }
        );
        got.ShouldBe(Dot(type, blocks, dot => PortableInt8.Kernel.Dot(type, (Int8Dot*)dot)));
    }

    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_0)]
    [InlineData(DType.Q4_1)]
    public void Amx_tiles(DType type)
    {
        Int8Kernel interpreted = new()
        {
            Name = "interpreted",
            Rows = 32,
            MostDotRows = 8,
            Tile = &Tile,
            Dot = PortableInt8.Kernel.Dot,
        };
        Int8Proof.Product(interpreted, type).ShouldBe(Int8Proof.Product(PortableInt8.Kernel, type));

        static void Tile(DType type, Int8Tile* tile) => AmxInt8.Tile(type, tile, &Sums);

        static void Sums(AmxInt8.Arguments* arguments)
        {
            byte* configuration = stackalloc byte[64];
            AmxInt8.Configure(configuration);
            Interpreter interpreter = new(
                new CheckedMemory()
                    .Allow("arguments", arguments, sizeof(AmxInt8.Arguments), Access.Read)
                    .Allow("configuration", configuration, 64, Access.Read)
                    .Allow("x", arguments->X, 32 * arguments->Blocks, Access.Read, 32, arguments->StrideX)
                    .Allow("panel", arguments->Panel, Int8Panel.ValueBytes, Access.Read, arguments->Blocks, arguments->BlockBytes)
                    .Allow("sums", arguments->Sums, 32 * Columns * sizeof(int) * arguments->Blocks, Access.Write)
            );
            interpreter.Run(AssembledFunctions.AmxBegin, (long)configuration);
            interpreter.Run(AssembledFunctions.AmxInt8Sums, (long)arguments);
            interpreter.MultiplyAdds.ShouldBe(32 * Columns * 32 * arguments->Blocks);
            interpreter.TilesAreConfigured.ShouldBeTrue();
            interpreter.Run(AssembledFunctions.AmxEnd, 0);
            interpreter.TilesAreConfigured.ShouldBeFalse();
        }
    }

    private static CheckedMemory Memory(Int8Tile tile, bool minima, int rows) =>
        new CheckedMemory()
            .Allow("x", tile.X, 32 * tile.Blocks, Access.Read, rows, tile.StrideX)
            .Allow("scales", tile.Scales, sizeof(Int8Scale) * tile.Blocks, Access.Read, rows, tile.StrideScales)
            .Allow("panel", tile.Panel, tile.Blocks * Int8Panel.BlockBytes(minima ? DType.Q4_1 : DType.Q8_0), Access.Read)
            .Allow("C", tile.C, Columns * sizeof(float), Access.Write, rows, tile.StrideC)
            .Allow("addend", tile.Addend, Columns * sizeof(float), tile.Addend == null ? 0 : Access.Read, rows, tile.StrideAddend);

    /// <summary>Six rows, whose operands all lie at the ends of guarded memory.</summary>
    private static float[] Tile(bool minima, int blocks, bool withAddend, Action<long> run)
    {
        const int Rows = AssembledInt8.Rows;
        int size = Int8Panel.BlockBytes(minima ? DType.Q4_1 : DType.Q8_0);
        nint strideX = 32 * blocks + Gap,
            strideScales = sizeof(Int8Scale) * blocks + Gap;
        using GuardedMemory x = new(Rows * strideX - Gap + 1),
            scales = new(Rows * strideScales - Gap + 1),
            panel = new(blocks * size + 1);
        using GuardedMemory c = new(sizeof(float) * (Rows * Width - 5)),
            addend = new(sizeof(float) * (Rows * Width - 5));
        Random random = new(7);
        random.NextBytes(new Span<byte>(x.Pointer, (int)(Rows * strideX - Gap)));
        for (int row = 0; row < Rows; row++)
        {
            Scales(random, (Int8Scale*)(scales.Pointer + row * strideScales), blocks);
        }
        for (int block = 0; block < blocks; block++)
        {
            random.NextBytes(new Span<byte>(panel.Pointer + block * size, Int8Panel.ValueBytes));
            Floats(random, (float*)(panel.Pointer + block * size + Int8Panel.ValueBytes), (size - Int8Panel.ValueBytes) / sizeof(float));
        }
        Floats(random, (float*)c.Pointer, Rows * Width - 5);
        Floats(random, (float*)addend.Pointer, Rows * Width - 5);
        Int8Tile tile = new()
        {
            X = (sbyte*)x.Pointer,
            Scales = (Int8Scale*)scales.Pointer,
            StrideX = strideX,
            StrideScales = strideScales,
            Panel = panel.Pointer,
            C = (float*)c.Pointer,
            StrideC = Width * sizeof(float),
            Addend = withAddend ? (float*)addend.Pointer : null,
            StrideAddend = Width * sizeof(float),
            Blocks = blocks,
        };
        run((long)&tile);
        return new Span<float>(c.Pointer, Rows * Width - 5).ToArray();
    }

    private static float[] Dot(DType type, int blocks, Action<long> run)
    {
        int size = type.BlockBytes();
        nint stride = blocks * size + Gap;
        using GuardedMemory weight = new(Int8Kernel.DotRows * stride - Gap),
            x = new(32 * blocks),
            scales = new(sizeof(Int8Scale) * blocks),
            sums = new(Int8Kernel.DotRows * sizeof(float));
        Random random = new(9);
        random.NextBytes(new Span<byte>(weight.Pointer, (int)(Int8Kernel.DotRows * stride - Gap)));
        for (int row = 0; row < Int8Kernel.DotRows; row++)
        {
            for (int block = 0; block < blocks; block++)
            {
                Half* halves = (Half*)(weight.Pointer + row * stride + block * size);
                (halves[0], halves[1]) = ((Half)random.NextSingle(), type == DType.Q4_1 ? (Half)(-random.NextSingle()) : halves[1]);
            }
        }
        random.NextBytes(new Span<byte>(x.Pointer, 32 * blocks));
        Scales(random, (Int8Scale*)scales.Pointer, blocks);
        Int8Dot dot = new()
        {
            Weight = weight.Pointer,
            StrideWeight = stride,
            X = (sbyte*)x.Pointer,
            Scales = (Int8Scale*)scales.Pointer,
            Blocks = blocks,
            Sums = (float*)sums.Pointer,
            Ahead = weight.Pointer,
        };
        run((long)&dot);
        return new Span<float>(sums.Pointer, Int8Kernel.DotRows).ToArray();
    }

    private static void Scales(Random random, Int8Scale* scales, int blocks)
    {
        for (int block = 0; block < blocks; block++)
        {
            scales[block] = new Int8Scale
            {
                Scale = random.NextSingle(),
                Offset = random.Next(-9999, 9999),
                Sum = random.NextSingle() - 0.5f,
                Unused = 1,
            };
        }
    }

    private static void Floats(Random random, float* values, int count)
    {
        for (int i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
    }
}
