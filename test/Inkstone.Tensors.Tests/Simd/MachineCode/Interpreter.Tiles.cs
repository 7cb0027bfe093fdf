using System.Buffers.Binary;
using Iced.Intel;

namespace Inkstone.Tensors.Tests;

internal sealed unsafe partial class Interpreter
{
    private const int Tiles = 8,
        TileRows = 16,
        TileRowBytes = 64;

    private readonly byte[][] _tiles =
    [
        .. Enumerable.Range(0, Tiles).Select(_ => Enumerable.Repeat((byte)0xFF, TileRows * TileRowBytes).ToArray()),
    ];

    /// <summary>Rows and bytes of a row of each tile; null while they are not configured.</summary>
    private (int Rows, int RowBytes)[]? _sizes;

    /// <summary>Whether the tiles are configured.</summary>
    public bool TilesAreConfigured => _sizes is not null;

    /// <summary>Instructions of AMX. False: it is none.</summary>
    private bool Tile(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Ldtilecfg:
                _sizes = Configuration(new ReadOnlySpan<byte>(_memory.Check(Address(i), 64, Access.Read), 64));
                break;
            case Mnemonic.Tilerelease:
                _sizes = null;
                break;
            case Mnemonic.Tilezero:
                Array.Clear(Bytes(i.Op0Register));
                break;
            case Mnemonic.Tileloadd:
                Array.Clear(Bytes(i.Op0Register));
                for (int row = 0; row < Size(i.Op0Register).Rows; row++)
                {
                    new Span<byte>(Row(i, row, Size(i.Op0Register).RowBytes, Access.Read), Size(i.Op0Register).RowBytes).CopyTo(
                        Bytes(i.Op0Register).AsSpan(row * TileRowBytes)
                    );
                }
                break;
            case Mnemonic.Tilestored:
                for (int row = 0; row < Size(i.Op1Register).Rows; row++)
                {
                    Bytes(i.Op1Register)
                        .AsSpan(row * TileRowBytes, Size(i.Op1Register).RowBytes)
                        .CopyTo(new Span<byte>(Row(i, row, Size(i.Op1Register).RowBytes, Access.Write), TileRowBytes));
                }
                break;
            case Mnemonic.Tdpbf16ps:
                Product(i, 2);
                MultiplyPairs(i);
                break;
            case Mnemonic.Tdpbsud:
                Product(i, 4);
                MultiplyBytes(i, (a, b) => (sbyte)a * b);
                break;
            case Mnemonic.Tdpbusd:
                Product(i, 4);
                MultiplyBytes(i, (a, b) => a * (sbyte)b);
                break;
            default:
                return false;
        }
        return true;
    }

    /// <summary>Palette 1. Bytes 16-31: row sizes, 48-55: row counts; everything else has to be zero.</summary>
    private static (int Rows, int RowBytes)[] Configuration(ReadOnlySpan<byte> bytes)
    {
        bytes[0].ShouldBe((byte)1);
        (bytes[1..16].IndexOfAnyExcept((byte)0), bytes[32..48].IndexOfAnyExcept((byte)0), bytes[56..].IndexOfAnyExcept((byte)0)).ShouldBe(
            (-1, -1, -1)
        );
        (int Rows, int RowBytes)[] sizes = new (int, int)[Tiles];
        for (int tile = 0; tile < Tiles; tile++)
        {
            sizes[tile] = (bytes[48 + tile], BinaryPrimitives.ReadUInt16LittleEndian(bytes[(16 + 2 * tile)..]));
            sizes[tile].Rows.ShouldBeInRange(1, TileRows);
            sizes[tile].RowBytes.ShouldBeInRange(1, TileRowBytes);
        }
        return sizes;
    }

    /// <summary>What a product of tiles demands of their sizes, else the CPU faults: c [m, n], a [m, k], b [k, n], in elements of 4
    /// bytes.</summary>
    private void Product(in Instruction i, int valuesOfElement)
    {
        ((int m, int n), (int rowsOfA, int k), (int rowsOfB, int columnsOfB)) = (
            Size(i.Op0Register),
            Size(i.Op1Register),
            Size(i.Op2Register)
        );
        (rowsOfA, 4 * rowsOfB, columnsOfB, n % 4, k % 4).ShouldBe((m, k, n, 0, 0));
        new[] { i.Op0Register, i.Op1Register, i.Op2Register }.Distinct().Count().ShouldBe(3);
        MultiplyAdds += (long)m * (n / 4) * (k / 4) * valuesOfElement;
    }

    /// <summary>Even and odd values of k have sums of their own, which start from zero and are added to each other and then to c.</summary>
    private void MultiplyPairs(in Instruction i)
    {
        (byte[] c, byte[] a, byte[] b) = (Bytes(i.Op0Register), Bytes(i.Op1Register), Bytes(i.Op2Register));
        for (int m = 0; m < Size(i.Op0Register).Rows; m++)
        {
            for (int n = 0; n < Size(i.Op0Register).RowBytes; n += 4)
            {
                float even = 0,
                    odd = 0;
                for (int k = 0; k < Size(i.Op2Register).Rows; k++)
                {
                    uint x = BinaryPrimitives.ReadUInt32LittleEndian(a.AsSpan(m * TileRowBytes + 4 * k)),
                        y = BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan(k * TileRowBytes + n));
                    even = Flushed(MathF.FusedMultiplyAdd(LowHalf(x), LowHalf(y), even));
                    odd = Flushed(MathF.FusedMultiplyAdd(HighHalf(x), HighHalf(y), odd));
                }
                Span<byte> sum = c.AsSpan(m * TileRowBytes + n);
                BinaryPrimitives.WriteSingleLittleEndian(
                    sum,
                    Flushed(Flushed(BinaryPrimitives.ReadSingleLittleEndian(sum)) + Flushed(even + odd))
                );
            }
        }
    }

    private void MultiplyBytes(in Instruction i, Func<byte, byte, int> multiply)
    {
        (byte[] c, byte[] a, byte[] b) = (Bytes(i.Op0Register), Bytes(i.Op1Register), Bytes(i.Op2Register));
        for (int m = 0; m < Size(i.Op0Register).Rows; m++)
        {
            for (int n = 0; n < Size(i.Op0Register).RowBytes; n += 4)
            {
                Span<byte> sum = c.AsSpan(m * TileRowBytes + n);
                int value = BinaryPrimitives.ReadInt32LittleEndian(sum);
                for (int k = 0; k < 4 * Size(i.Op2Register).Rows; k++)
                {
                    value += multiply(a[m * TileRowBytes + k], b[k / 4 * TileRowBytes + n + k % 4]);
                }
                BinaryPrimitives.WriteInt32LittleEndian(sum, value);
            }
        }
    }

    private (int Rows, int RowBytes) Size(Register register) =>
        (_sizes ?? throw new InvalidOperationException("the tiles are not configured"))[register - Register.TMM0];

    private byte[] Bytes(Register register)
    {
        _ = Size(register);
        return _tiles[register - Register.TMM0];
    }

    /// <summary>Base + displacement is the first row of a tile in memory, index · scale the distance between rows.</summary>
    private byte* Row(in Instruction i, int row, int bytes, Access access) =>
        _memory.Check(
            General(i.MemoryBase) + (long)i.MemoryDisplacement64 + row * General(i.MemoryIndex) * i.MemoryIndexScale,
            bytes,
            access
        );
}
