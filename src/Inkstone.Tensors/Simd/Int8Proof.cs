namespace Inkstone.Tensors;

/// <summary>An int8 kernel is used only after it has given, bit for bit, what the portable one gives.</summary>
internal static unsafe class Int8Proof
{
    private const int Blocks = 3,
        K = Blocks * DTypes.BlockElements,
        Columns = Int8Kernel.Columns;

    /// <summary>The kernel, or null (with a line on stderr) when a product differs.</summary>
    public static Int8Kernel? OrNull(Int8Kernel kernel)
    {
        foreach (DType type in (DType[])[DType.Q8_0, DType.Q4_0, DType.Q4_1])
        {
            if (!Product(kernel, type).AsSpan().SequenceEqual(Product(PortableInt8.Kernel, type)))
            {
                Console.Error.WriteLine(
                    $"warning: the kernel '{kernel.Name}' gave wrong {type} products on this CPU; using a portable one instead"
                );
                return null;
            }
        }
        return kernel;
    }

    /// <summary>32 × 32 tile products, then 32 dot products of the first row with the same weight. Fixed inputs.</summary>
    public static float[] Product(Int8Kernel kernel, DType type)
    {
        const int Rows = 36; // a multiple of every kernel's rows but 32, which does less
        int rows = Rows / kernel.Rows * kernel.Rows,
            size = type.BlockBytes();
        float[] x = new float[Rows * K],
            result = new float[Rows * Columns];
        byte[] weight = Weight(type),
            panel = new byte[Blocks * Int8Panel.BlockBytes(type)],
            memory = new byte[Int8Rows.Bytes(Rows, K)];
        new PhiloxRandom(1, 2).FillNormal(x, 1);
        fixed (
            float* px = x,
                pc = result
        )
        {
            fixed (
                byte* pw = weight,
                    pp = panel,
                    pm = memory
            )
            {
                Int8Rows quantised = new(pm, Rows, K);
                for (int row = 0; row < Rows; row++)
                {
                    quantised.Quantise(row, px + row * K, Int8Kernel.Zero(type));
                }
                Int8Panel.Pack(type, pw, Blocks * size, Columns, Blocks, pp, pw);
                kernel.Begin();
                for (int row = 0, tiles = 0, take; row < rows; row += take)
                {
                    take = kernel.FewerRows ? Math.Min(1 + tiles++ % kernel.Rows, rows - row) : kernel.Rows;
                    Int8Tile tile = new()
                    {
                        X = quantised.Values(row),
                        Scales = quantised.Scales(row),
                        StrideX = quantised.ValueStride,
                        StrideScales = quantised.ScaleStride,
                        Panel = pp,
                        C = pc + row * Columns,
                        StrideC = Columns * sizeof(float),
                        Addend = px + row,
                        StrideAddend = sizeof(float),
                        Blocks = Blocks,
                        Rows = take,
                    };
                    kernel.Tile(type, &tile);
                }
                kernel.End();
                for (int column = 0; column < Columns; column += Int8Kernel.DotRows)
                {
                    Int8Dot dot = new()
                    {
                        Weight = pw + column * Blocks * size,
                        StrideWeight = Blocks * size,
                        X = quantised.Values(0),
                        Scales = quantised.Scales(0),
                        Blocks = Blocks,
                        Sums = pc + 32 * Columns + column,
                        Ahead = pw,
                    };
                    kernel.Dot(type, &dot);
                }
            }
        }
        return result[..(33 * Columns)];
    }

    /// <summary>Random bytes, −128 among them, with small scales.</summary>
    private static byte[] Weight(DType type)
    {
        byte[] weight = new byte[Columns * Blocks * type.BlockBytes()];
        uint state = 12345;
        for (int i = 0; i < weight.Length; i++)
        {
            state = state * 1664525 + 1013904223;
            weight[i] = i % 7 == 3 ? (byte)0x80 : (byte)(state >> 24);
        }
        for (int block = 0; block < weight.Length; block += type.BlockBytes())
        {
            weight[block + 1] = (byte)(0x20 | weight[block + 1] & 0x8F);
            if (type == DType.Q4_1)
            {
                weight[block + 3] = (byte)(0x20 | weight[block + 3] & 0x8F);
            }
        }
        return weight;
    }
}
