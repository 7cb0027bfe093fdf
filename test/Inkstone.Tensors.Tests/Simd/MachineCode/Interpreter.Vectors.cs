using System.Runtime.InteropServices;
using Iced.Intel;

namespace Inkstone.Tensors.Tests;

internal sealed unsafe partial class Interpreter
{
    private const int Lanes = 16;

    private readonly uint[] _vectors = new uint[32 * Lanes];
    private readonly ulong[] _masks = new ulong[8];

    /// <summary>Instructions on vector and mask registers.</summary>
    private void Vector(in Instruction i)
    {
        i.RoundingControl.ShouldBe(RoundingControl.None);
        switch (i.Mnemonic)
        {
            case Mnemonic.Vzeroupper:
                for (int register = 0; register < 16; register++)
                {
                    _vectors.AsSpan(register * Lanes + 4, Lanes - 4).Clear();
                }
                break;
            case Mnemonic.Kmovd:
                _masks[i.Op0Register - Register.K0] = (uint)Value(i, 1);
                break;
            case Mnemonic.Vmovups or Mnemonic.Vmovdqu32 when i.Op0Kind == OpKind.Memory:
                i.OpMask.ShouldBe(Register.None);
                MemoryMarshal
                    .AsBytes(Lane(i.Op1Register))[..i.MemorySize.GetSize()]
                    .CopyTo(new Span<byte>(_memory.Check(Address(i), i.MemorySize.GetSize(), Access.Write), 64));
                break;
            case Mnemonic.Vmovups or Mnemonic.Vmovdqu32:
            case Mnemonic.Vmovdqa32 when i.Op1Kind == OpKind.Register:
            case Mnemonic.Vbroadcastss or Mnemonic.Vpbroadcastd or Mnemonic.Vbroadcasti32x4:
                Write(i, Source(i, 1));
                break;
            case Mnemonic.Vbroadcasti64x4:
                Write(i, Source(i, 1), elementBytes: 8);
                break;
            case Mnemonic.Vinserti64x4:
                uint[] whole = Source(i, 1);
                Source(i, 2).AsSpan(0, Lanes / 2).CopyTo(whole.AsSpan((int)i.GetImmediate(3) * Lanes / 2));
                Write(i, whole, elementBytes: 8);
                break;
            case Mnemonic.Vcvtph2ps:
                uint[] halves = Source(i, 1);
                Write(i, [.. MemoryMarshal.Cast<uint, Half>(halves)[..Lanes].ToArray().Select(half => Bits((float)half))]);
                break;
            case Mnemonic.Vextracti64x4:
                Write(i, Source(i, 1)[(Lanes / 2 * (int)i.GetImmediate(2))..]);
                break;
            case Mnemonic.Vshufi32x4 when i.Op0Register.IsYMM():
                int chosen = (int)i.GetImmediate(3);
                Write(i, [.. Source(i, 1).AsSpan(4 * (chosen & 1), 4), .. Source(i, 2).AsSpan(4 * (chosen >> 1 & 1), 4)]);
                break;
            case Mnemonic.Vpinsrw:
                uint[] words = Source(i, 1);
                MemoryMarshal.Cast<uint, ushort>(words.AsSpan())[(int)i.GetImmediate(3) & 7] = (ushort)Source(i, 2)[0];
                Write(i, words);
                break;
            case Mnemonic.Vmovd:
                Write(i, [Source(i, 1)[0], 0, 0, 0]);
                break;
            case Mnemonic.Vpinsrd:
                uint[] four = Source(i, 1);
                four[(int)i.GetImmediate(3) & 3] = Source(i, 2)[0];
                Write(i, four);
                break;
            case Mnemonic.Vshufps:
                uint[] left = Source(i, 1),
                    right = Source(i, 2);
                int selected = (int)i.GetImmediate(3);
                Write(
                    i,
                    [
                        .. Enumerable
                            .Range(0, Lanes)
                            .Select(lane => (lane % 4 < 2 ? left : right)[lane / 4 * 4 + (selected >> 2 * (lane % 4) & 3)]),
                    ]
                );
                break;
            case Mnemonic.Vpunpckldq:
                Unpack(i, first: 0, run: 1);
                break;
            case Mnemonic.Vpunpckhdq:
                Unpack(i, first: 2, run: 1);
                break;
            case Mnemonic.Vpunpcklqdq:
                Unpack(i, first: 0, run: 2);
                break;
            case Mnemonic.Vpunpckhqdq:
                Unpack(i, first: 2, run: 2);
                break;
            case Mnemonic.Vcvtdq2ps:
                Each(i, 0, (_, a, _) => Bits((float)(int)a));
                break;
            case Mnemonic.Vpxord:
                Each(i, 0, (_, a, b) => a ^ b);
                break;
            case Mnemonic.Vpandd:
                Each(i, 0, (_, a, b) => a & b);
                break;
            case Mnemonic.Vpaddd:
                Each(i, 0, (_, a, b) => a + b);
                break;
            case Mnemonic.Vpsrlvd:
                Each(i, 0, (_, a, b) => b < 32 ? a >> (int)b : 0);
                break;
            case Mnemonic.Vaddps:
                Each(i, 0, (_, a, b) => Bits(Float(a) + Float(b)));
                break;
            case Mnemonic.Vmulps:
                Each(i, 0, (_, a, b) => Bits(Float(a) * Float(b)));
                break;
            case Mnemonic.Vfmadd231ps:
                Each(i, 1, (sum, a, b) => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(sum))));
                break;
            case Mnemonic.Vdpbf16ps:
                Each(i, 2, (sum, a, b) => Bits(Pairs(Float(sum), a, b)));
                break;
            case Mnemonic.Vpdpbusd:
                Each(i, 4, (sum, a, b) => (uint)((int)sum + Enumerable.Range(0, 4).Sum(j => (byte)(a >> 8 * j) * (sbyte)(b >> 8 * j))));
                break;
            default:
                throw Unknown(i);
        }
    }

    /// <summary>In every 128 bits: from <paramref name="first"/> on, <paramref name="run"/> of the one operand and of the other take
    /// turns.</summary>
    private void Unpack(in Instruction i, int first, int run)
    {
        uint[] a = Source(i, 1),
            b = Source(i, 2),
            result = new uint[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
        {
            int within = lane % 4,
                from = lane - within + first + within / (2 * run) * run + within % run;
            result[lane] = within / run % 2 == 0 ? a[from] : b[from];
        }
        Write(i, result, elementBytes: 4 * run);
    }

    /// <summary>The odd products are added first; every step is fused, rounds to nearest even, and takes and leaves denormals as
    /// zeros.</summary>
    private static float Pairs(float sum, uint a, uint b) =>
        Flushed(MathF.FusedMultiplyAdd(LowHalf(a), LowHalf(b), Flushed(MathF.FusedMultiplyAdd(HighHalf(a), HighHalf(b), Flushed(sum)))));

    private void Each(in Instruction i, int products, Func<uint, uint, uint, uint> result)
    {
        uint[] a = Source(i, 1),
            b = i.OpCount > 2 ? Source(i, 2) : a,
            values = Lane(i.Op0Register).ToArray();
        for (int lane = 0; lane < Lanes; lane++)
        {
            values[lane] = result(values[lane], a[lane], b[lane]);
        }
        Write(i, values);
        MultiplyAdds += products * Lanes;
    }

    /// <summary>An operand; what is shorter than a register is repeated up to its end.</summary>
    private uint[] Source(in Instruction i, int operand)
    {
        if (i.GetOpKind(operand) == OpKind.Memory)
        {
            int bytes = i.MemorySize.GetSize();
            return Repeated(new ReadOnlySpan<byte>(_memory.Check(Address(i), bytes, Access.Read), bytes));
        }
        Register register = i.GetOpRegister(operand);
        return register.IsVectorRegister() ? Lane(register).ToArray() : Repeated(BitConverter.GetBytes((uint)General(register)));
    }

    private static uint[] Repeated(ReadOnlySpan<byte> bytes)
    {
        uint[] lanes = new uint[Lanes];
        Span<byte> all = MemoryMarshal.AsBytes(lanes.AsSpan());
        for (int at = 0; at < all.Length; at += bytes.Length)
        {
            bytes.CopyTo(all[at..]);
        }
        return lanes;
    }

    /// <summary>Elements whose bit in the mask is clear stay, or become zero where the instruction says so; what lies above a shorter
    /// register becomes zero.</summary>
    private void Write(in Instruction i, uint[] value, int elementBytes = 4)
    {
        Span<byte> target = MemoryMarshal.AsBytes(Lane(i.Op0Register)),
            source = MemoryMarshal.AsBytes(value.AsSpan());
        int size = i.Op0Register.GetSize();
        for (int at = 0; at < size; at += elementBytes)
        {
            bool written = i.OpMask == Register.None || (_masks[i.OpMask - Register.K0] >> at / elementBytes & 1) != 0;
            if (written)
            {
                source.Slice(at, elementBytes).CopyTo(target[at..]);
            }
            else if (i.ZeroingMasking)
            {
                target.Slice(at, elementBytes).Clear();
            }
        }
        target[size..].Clear();
    }

    private Span<uint> Lane(Register register)
    {
        int number =
            register.IsZMM() ? register - Register.ZMM0
            : register.IsYMM() ? register - Register.YMM0
            : register - Register.XMM0;
        return _vectors.AsSpan(number * Lanes, Lanes);
    }

    private static float Float(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    /// <summary>The first of a pair of bfloat16.</summary>
    private static float LowHalf(uint pair) => Flushed(Float(pair << 16));

    private static float HighHalf(uint pair) => Flushed(Float(pair & 0xFFFF0000));

    private static float Flushed(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;
}
