using System.Buffers.Binary;
using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>
/// Executes the few instructions that the AMX kernel uses on ordinary memory, after Intel's manual (volume 2, chapters on TILELOADD, TDPBF16PS, …),
/// so that the kernel can be proved on machines without tiles.
/// </summary>
internal sealed unsafe class TileEmulator
{
    private const int Tiles = 8, Rows = 16, RowBytes = 64;

    private readonly Dictionary<Register, long> _registers = [];
    private readonly byte[][] _tiles = [.. Enumerable.Range(0, Tiles).Select(_ => new byte[Rows * RowBytes])];
    private bool _zero, _signed;

    /// <summary>Rows and bytes of a row of each tile, as LDTILECFG sets them.</summary>
    private readonly (int Rows, int RowBytes)[] _sizes = [.. Enumerable.Repeat((Rows, RowBytes), Tiles)];

    /// <summary>LDTILECFG.</summary>
    public void Configure(byte* bytes)
    {
        for (int tile = 0; tile < Tiles; tile++)
        {
            _sizes[tile] = (bytes[48 + tile], ((ushort*)(bytes + 16))[tile]);
        }
    }

    /// <summary>Tile instructions that were executed.</summary>
    public int TileInstructions { get; private set; }

    public void Run(byte[] code, void* argument)
    {
        _registers[Register.RDI] = (long)argument;
        Dictionary<ulong, int> index = [];
        List<Instruction> program = [];
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        while (decoder.IP < (ulong)code.Length)
        {
            index[decoder.IP] = program.Count;
            program.Add(decoder.Decode());
        }
        for (int at = 0; program[at].Mnemonic != Mnemonic.Ret;)
        {
            Instruction i = program[at];
            at = Jumps(i) ? index[i.NearBranchTarget] : at + 1;
            Execute(i);
        }
    }

    private bool Jumps(Instruction i) => i.Mnemonic switch
    {
        Mnemonic.Jmp => true,
        Mnemonic.Je => _zero,
        Mnemonic.Jne => !_zero,
        Mnemonic.Jle => _zero || _signed,
        _ => false,
    };

    private void Execute(Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Jmp or Mnemonic.Je or Mnemonic.Jne or Mnemonic.Jle:
                break;
            case Mnemonic.Mov:
                Set(i.Op0Register, i.Op1Kind == OpKind.Memory ? *(long*)Address(i) : Operand(i, 1));
                break;
            case Mnemonic.Lea:
                Set(i.Op0Register, Address(i));
                break;
            case Mnemonic.Add:
                Set(i.Op0Register, Flags(Get(i.Op0Register) + Operand(i, 1)));
                break;
            case Mnemonic.Shl:
                Set(i.Op0Register, Flags(Get(i.Op0Register) << (int)Operand(i, 1)));
                break;
            case Mnemonic.Dec:
                Set(i.Op0Register, Flags(Get(i.Op0Register) - 1));
                break;
            case Mnemonic.Test:
                Flags(Get(i.Op0Register) & Get(i.Op1Register));
                break;
            default:
                ExecuteTile(i);
                TileInstructions++;
                break;
        }
    }

    private void ExecuteTile(Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Tilezero:
                Array.Clear(Tile(i.Op0Register));
                break;
            case Mnemonic.Tileloadd:
                for (int row = 0; row < Size(i.Op0Register).Rows; row++)
                {
                    new Span<byte>(RowAddress(i, row), Size(i.Op0Register).RowBytes).CopyTo(Tile(i.Op0Register).AsSpan(row * RowBytes));
                }
                break;
            case Mnemonic.Tilestored:
                for (int row = 0; row < Size(i.Op1Register).Rows; row++)
                {
                    Tile(i.Op1Register).AsSpan(row * RowBytes, Size(i.Op1Register).RowBytes).CopyTo(new Span<byte>(RowAddress(i, row), RowBytes));
                }
                break;
            case Mnemonic.Tdpbf16ps:
                Multiply(Tile(i.Op0Register), Tile(i.Op1Register), Tile(i.Op2Register));
                break;
            case Mnemonic.Tdpbsud:
                MultiplyBytes(i.Op0Register, i.Op1Register, i.Op2Register);
                break;
            default:
                throw new NotSupportedException($"the emulator does not know {i}");
        }
    }

    /// <summary>c[m][n] += Σ_k a[m][2k]·b[k][2n] + a[m][2k+1]·b[k][2n+1].</summary>
    private static void Multiply(byte[] c, byte[] a, byte[] b)
    {
        for (int m = 0; m < Rows; m++)
        {
            for (int k = 0; k < Rows; k++)
            {
                for (int n = 0; n < Rows; n++)
                {
                    Span<byte> sum = c.AsSpan(m * RowBytes + 4 * n, 4);
                    float value = BinaryPrimitives.ReadSingleLittleEndian(sum);
                    for (int pair = 0; pair < 2; pair++)
                    {
                        value += BFloat16(a, m * RowBytes + 4 * k + 2 * pair) * BFloat16(b, k * RowBytes + 4 * n + 2 * pair);
                    }
                    BinaryPrimitives.WriteSingleLittleEndian(sum, value);
                }
            }
        }
    }

    /// <summary>c[m][n] += Σ_k Σ_j a[m][4k + j] · b[k][4n + j]: signed bytes times unsigned ones.</summary>
    private void MultiplyBytes(Register target, Register left, Register right)
    {
        (byte[] c, byte[] a, byte[] b) = (Tile(target), Tile(left), Tile(right));
        Size(left).RowBytes.ShouldBe(4 * Size(right).Rows);
        for (int m = 0; m < Size(target).Rows; m++)
        {
            for (int n = 0; n < Size(target).RowBytes / 4; n++)
            {
                Span<byte> sum = c.AsSpan(m * RowBytes + 4 * n, 4);
                int value = BinaryPrimitives.ReadInt32LittleEndian(sum);
                for (int k = 0; k < 4 * Size(right).Rows; k++)
                {
                    value += (sbyte)a[m * RowBytes + k] * b[k / 4 * RowBytes + 4 * n + k % 4];
                }
                BinaryPrimitives.WriteInt32LittleEndian(sum, value);
            }
        }
    }

    private (int Rows, int RowBytes) Size(Register register) => _sizes[register - Register.TMM0];

    private static float BFloat16(byte[] bytes, int at) => BFloat16Bits.ToFloat(BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at)));

    private byte[] Tile(Register register) => _tiles[register - Register.TMM0];

    /// <summary>Tile memory operands: base + displacement is the first row, index · scale the distance between rows.</summary>
    private byte* RowAddress(Instruction i, int row)
        => (byte*)(Get(i.MemoryBase) + (long)i.MemoryDisplacement64 + row * Get(i.MemoryIndex) * i.MemoryIndexScale);

    private long Address(Instruction i)
        => Get(i.MemoryBase) + (long)i.MemoryDisplacement64 + (i.MemoryIndex == Register.None ? 0 : Get(i.MemoryIndex) * i.MemoryIndexScale);

    private long Operand(Instruction i, int operand) => i.GetOpKind(operand) == OpKind.Register ? Get(i.GetOpRegister(operand)) : (long)i.GetImmediate(operand);

    private long Flags(long value)
    {
        (_zero, _signed) = (value == 0, value < 0);
        return value;
    }

    private long Get(Register register) => _registers[register.GetFullRegister()];

    private void Set(Register register, long value) => _registers[register.GetFullRegister()] = value;
}
