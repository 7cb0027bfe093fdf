using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>
/// The floating-point tiles and strips in the interpreter: on small integers they give the exact product and touch nothing but their
/// operands; on any numbers the interpreter
/// gives the bits of this machine's CPU, where it has the instructions.
/// </summary>
public sealed unsafe class InterpretedTileTests
{
    private const int Columns = 32,
        GapBytes = 20;

    private enum Addend
    {
        None,
        Apart,
        InPlace,
        Bias,
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Tiles(bool bfloat16, bool rows)
    {
        Form form = new(AssembledFunctions.Tile(bfloat16, rows), bfloat16, rows, Tiles: false);
        void* placed = CanRun(bfloat16) ? Assembler.Compile(form.Code.Write) : null;
        foreach ((int steps, Addend addend) in Cases())
        {
            Tile(form, steps, addend, integers: true, native: null, out float[] wanted)
                .ShouldBe(wanted, $"{form.Code.Name}, {steps} steps, addend {addend}");
            if (placed != null)
            {
                Bits(Tile(form, steps, addend, integers: false, native: null, out _))
                    .ShouldBe(Bits(Tile(form, steps, addend, integers: false, placed, out _)), $"{form.Code.Name}, {steps} steps");
            }
        }
    }

    [Fact]
    public void Amx_tiles()
    {
        foreach ((int steps, Addend addend) in Cases())
        {
            Tile(
                    new Form(AssembledFunctions.AmxTile, Half: true, InRows: true, Tiles: true),
                    steps,
                    addend,
                    integers: true,
                    native: null,
                    out float[] wanted
                )
                .ShouldBe(wanted, $"{steps} steps, addend {addend}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Strips(bool bfloat16)
    {
        AssembledFunction code = AssembledFunctions.Strip(bfloat16);
        void* placed = CanRun(bfloat16) ? Assembler.Compile(code.Write) : null;
        foreach (int tiles in (int[])[0, 1, 2])
        {
            foreach (int tail in (int[])[0, 4, 8])
            {
                foreach ((int steps, bool accumulate) in ((int, bool)[])[(1, false), (1, true), (5, false), (5, true)])
                {
                    Strip(code, bfloat16, tiles, tail, steps, accumulate, integers: true, native: null, out float[] wanted)
                        .ShouldBe(wanted, $"{code.Name}, {tiles} tiles + {tail}, {steps} steps");
                    if (placed != null)
                    {
                        Bits(Strip(code, bfloat16, tiles, tail, steps, accumulate, integers: false, native: null, out _))
                            .ShouldBe(
                                Bits(Strip(code, bfloat16, tiles, tail, steps, accumulate, integers: false, placed, out _)),
                                $"{code.Name}, {tiles} tiles + {tail}, {steps} steps"
                            );
                    }
                }
            }
        }
    }

    private static IEnumerable<(int Steps, Addend Addend)> Cases() =>
        from steps in (int[])[0, 1, 2, 5]
        from addend in Enum.GetValues<Addend>()
        select (steps, addend);

    private static bool CanRun(bool bfloat16) => CpuFeatures.HasAvx512 && Assembler.IsSupported && (!bfloat16 || CpuFeatures.HasBf16);

    /// <summary>C with what lies between its rows, from the interpreter or from placed code; and what exact arithmetic leaves
    /// there.</summary>
    private static float[] Tile(Form form, int steps, Addend mode, bool integers, void* native, out float[] wanted)
    {
        int k = steps * form.StepValues,
            width = Columns + GapBytes / 4,
            rows = form.Rows;
        nint strideA = form.Tiles ? k * form.Size + AmxKernel.RowPaddingBytes : k * form.Size + GapBytes;
        Numbers numbers = new(integers);
        using GuardedMemory a = new(Math.Max(1, form.InRows ? (rows - 1) * strideA + k * form.Size : k * rows * form.Size)),
            b = new(Math.Max(1, k * Columns * form.Size));
        using GuardedMemory c = new(((rows - 1) * width + Columns) * sizeof(float)),
            d = new(((mode == Addend.Bias ? 0 : rows - 1) * width + Columns) * sizeof(float));
        float[,] left = numbers.Fill(
            rows,
            k,
            (i, p) => a.Pointer + (form.InRows ? i * strideA + p * form.Size : Packed(i, p, rows, form.Size)),
            form.Half
        );
        float[,] right = numbers.Fill(Columns, k, (j, p) => b.Pointer + Packed(j, p, Columns, form.Size), form.Half);
        nint strideD = mode == Addend.Bias ? 0 : width * sizeof(float);
        float[,] before = numbers.Fill(rows, Columns, (i, j) => c.Pointer + (i * width + j) * sizeof(float), half: false);
        float[,] added =
            mode is Addend.None ? new float[rows, Columns]
            : mode is Addend.InPlace ? before
            : numbers.Fill(rows, Columns, (i, j) => d.Pointer + i * strideD + j * sizeof(float), half: false);
        TileArguments tile = new()
        {
            A = a.Pointer,
            B = b.Pointer,
            C = (float*)c.Pointer,
            Steps = steps,
            StrideC = width * sizeof(float),
            Addend = mode switch
            {
                Addend.None => null,
                Addend.InPlace => (float*)c.Pointer,
                _ => (float*)d.Pointer,
            },
            StrideAddend = mode == Addend.InPlace ? width * sizeof(float) : strideD,
            StrideA = strideA,
        };
        if (native == null)
        {
            CheckedMemory memory = new CheckedMemory()
                .Allow("arguments", &tile, sizeof(TileArguments), Access.Read)
                .Allow("A", a.Pointer, form.InRows ? k * form.Size : k * rows * form.Size, Access.Read, form.InRows ? rows : 1, strideA)
                .Allow("B", b.Pointer, k * Columns * form.Size, Access.Read)
                .Allow(
                    "C",
                    c.Pointer,
                    Columns * sizeof(float),
                    Access.Write | Access.Prefetch | (mode == Addend.InPlace ? Access.Read : 0),
                    rows,
                    tile.StrideC
                )
                .Allow("addend", d.Pointer, Columns * sizeof(float), mode is Addend.Apart or Addend.Bias ? Access.Read : 0, rows, strideD);
            Interpreter interpreter = new(memory);
            if (form.Tiles)
            {
                byte* configuration = stackalloc byte[64];
                AmxKernel.Configure(configuration);
                memory.Allow("configuration", configuration, 64, Access.Read);
                interpreter.Run(AssembledFunctions.AmxBegin, (long)configuration);
            }
            interpreter.Run(form.Code, (long)&tile);
            interpreter.MultiplyAdds.ShouldBe((long)rows * Columns * k);
            interpreter.TilesAreConfigured.ShouldBe(form.Tiles, "a thread keeps its tiles until the end of a run of calls");
        }
        else
        {
            ((delegate* unmanaged<TileArguments*, void>)native)(&tile);
        }
        wanted = new Span<float>(c.Pointer, (rows - 1) * width + Columns).ToArray();
        Multiply(left, right, added, wanted, width);
        return new Span<float>(c.Pointer, wanted.Length).ToArray();
    }

    private static float[] Strip(
        AssembledFunction code,
        bool half,
        int tiles,
        int tail,
        int steps,
        bool accumulate,
        bool integers,
        void* native,
        out float[] wanted
    )
    {
        const int Rows = 12,
            PanelGap = 64;
        int size = half ? 2 : 4,
            k = steps * 4 / size,
            rows = tiles * Rows + tail,
            panels = tiles + (tail > 0 ? 1 : 0);
        nint panelBytes = k * Rows * size + PanelGap;
        Numbers numbers = new(integers);
        using GuardedMemory a = new(Math.Max(1, panels * panelBytes - PanelGap)),
            b = new(k * Columns * size),
            c = new(Math.Max(1, rows * Columns * sizeof(float)));
        float[,] left = numbers.Fill(rows, k, (i, p) => a.Pointer + i / Rows * panelBytes + Packed(i % Rows, p, Rows, size), half);
        float[,] right = numbers.Fill(Columns, k, (j, p) => b.Pointer + Packed(j, p, Columns, size), half);
        float[,] before = numbers.Fill(rows, Columns, (i, j) => c.Pointer + (i * Columns + j) * sizeof(float), half: false);
        StripArguments strip = new()
        {
            A = a.Pointer,
            B = b.Pointer,
            C = (float*)c.Pointer,
            Steps = steps,
            PanelBytes = panelBytes,
            Tiles = tiles,
            Tail = tail,
            Accumulate = accumulate ? 1 : 0,
        };
        if (native == null)
        {
            Interpreter interpreter = new(
                new CheckedMemory()
                    .Allow("arguments", &strip, sizeof(StripArguments), Access.Read)
                    .Allow("A", a.Pointer, panelBytes - PanelGap, Access.Read, tiles, panelBytes)
                    .Allow("A's last rows", a.Pointer + tiles * panelBytes, tail * 4, Access.Read, steps, Rows * 4)
                    .Allow("B", b.Pointer, k * Columns * size, Access.Read)
                    .Allow("C", c.Pointer, rows * Columns * sizeof(float), accumulate ? Access.Read | Access.Write : Access.Write)
            );
            interpreter.Run(code, (long)&strip);
            interpreter.MultiplyAdds.ShouldBe((long)rows * Columns * k);
        }
        else
        {
            ((delegate* unmanaged<StripArguments*, void>)native)(&strip);
        }
        wanted = new float[rows * Columns];
        Multiply(left, right, accumulate ? before : new float[rows, Columns], wanted, Columns);
        return new Span<float>(c.Pointer, wanted.Length).ToArray();
    }

    /// <summary>Offset of (i, k) in a panel of <paramref name="width"/> values of i: [k][i] of float32, [k / 2][i][2] of
    /// bfloat16.</summary>
    private static int Packed(int i, int k, int width, int size) => (k * size / 4 * width + i) * 4 + k * size % 4;

    private static void Multiply(float[,] a, float[,] b, float[,] addend, float[] c, int width)
    {
        for (int i = 0; i < a.GetLength(0); i++)
        {
            for (int j = 0; j < Columns; j++)
            {
                double sum = addend[i, j];
                for (int k = 0; k < a.GetLength(1); k++)
                {
                    sum += (double)a[i, k] * b[j, k];
                }
                c[i * width + j] = (float)sum;
            }
        }
    }

    private static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);

    /// <summary>A kernel's shape and how A lies.</summary>
    private sealed record Form(AssembledFunction Code, bool Half, bool InRows, bool Tiles)
    {
        public int Rows => Tiles ? 32 : 12;

        public int Size => Half ? 2 : 4;

        public int StepValues => Tiles ? 32 : 4 / Size;
    }

    private delegate byte* Place(int i, int k);

    /// <summary>Integers that every order of summation adds exactly, or normal numbers with denormal ones among them.</summary>
    private sealed class Numbers(bool integers)
    {
        private readonly Random _random = new(5);

        public float[,] Fill(int rows, int columns, Place place, bool half)
        {
            float[,] values = new float[rows, columns];
            for (int i = 0; i < rows; i++)
            {
                for (int k = 0; k < columns; k++)
                {
                    float value = integers
                        ? _random.Next(-8, 9)
                        : (_random.NextSingle() - 0.5f) * MathF.Pow(2, _random.Next(-4, 5)) * (_random.Next(7) == 0 ? 1e-38f : 1);
                    if (half)
                    {
                        *(ushort*)place(i, k) = BFloat16Bits.FromFloat(value);
                    }
                    else
                    {
                        *(float*)place(i, k) = value;
                    }
                }
            }
            for (int i = 0; i < rows; i++) // when all are placed: the rows of a bias are one
            {
                for (int k = 0; k < columns; k++)
                {
                    values[i, k] = half ? BFloat16Bits.ToFloat(*(ushort*)place(i, k)) : *(float*)place(i, k);
                }
            }
            return values;
        }
    }
}
