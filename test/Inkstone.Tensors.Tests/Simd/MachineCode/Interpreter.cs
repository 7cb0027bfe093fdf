using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>
/// Executes the instructions that the engine's kernels use, after Intel's manual (volume 2), on memory whose every access is checked: what
/// a kernel does can be tried on a
/// machine that lacks its instructions. Registers start as rubbish.
/// </summary>
internal sealed unsafe partial class Interpreter
{
    private const int MostSteps = 10_000_000;

    private readonly CheckedMemory _memory;
    private readonly long[] _general = new long[16];
    private long _left,
        _right,
        _difference; // of the last comparison, for conditional jumps

    public Interpreter(CheckedMemory memory)
    {
        _memory = memory;
        Array.Fill(_general, 0x00DEAD00DEAD00DE);
        Array.Fill(_vectors, 0x7FC0DEADu); // NaN
        Array.Fill(_masks, 0xA5A5A5A5A5A5A5A5);
    }

    /// <summary>Multiplications of two numbers, each added to a sum, that vector and tile instructions have done.</summary>
    public long MultiplyAdds { get; private set; }

    /// <summary>Runs a function with <paramref name="argument"/> in rdi (System V) until it returns.</summary>
    public void Run(AssembledFunction function, long argument)
    {
        Instruction[] program = function.Instructions();
        Dictionary<ulong, int> index = program.Select((i, at) => (i.IP, at)).ToDictionary(p => p.IP, p => p.at);
        _general[Register.RDI - Register.RAX] = argument;
        int steps = 0;
        for (int at = 0; program[at].Mnemonic != Mnemonic.Ret; )
        {
            Instruction i = program[at];
            try
            {
                if (steps++ > MostSteps)
                {
                    throw new InvalidOperationException("it does not end");
                }
                bool jumps = i.FlowControl != FlowControl.Next && Jumps(i);
                if (i.FlowControl == FlowControl.Next && !Scalar(i) && !Tile(i))
                {
                    Vector(i);
                }
                at = jumps ? index[i.NearBranchTarget] : at + 1;
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"{error.Message}\n{function.Listing(i.IP)}", error);
            }
        }
    }

    private bool Jumps(in Instruction i) =>
        i.Mnemonic switch
        {
            Mnemonic.Jmp => true,
            Mnemonic.Je => _difference == 0,
            Mnemonic.Jne => _difference != 0,
            Mnemonic.Jle => _left <= _right,
            _ => throw Unknown(i),
        };

    /// <summary>Instructions on general registers. False: it is none.</summary>
    private bool Scalar(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Nop:
                break;
            case Mnemonic.Prefetchw or Mnemonic.Prefetcht0:
                _ = _memory.Check(Address(i), 1, Access.Prefetch);
                break;
            case Mnemonic.Mov:
                Set(i.Op0Register, Value(i, 1));
                break;
            case Mnemonic.Lea:
                Set(i.Op0Register, Address(i));
                break;
            case Mnemonic.Add:
                Set(i.Op0Register, Compare(Value(i, 0) + Value(i, 1), 0));
                break;
            case Mnemonic.Shl:
                Set(i.Op0Register, Compare(Value(i, 0) << (int)Value(i, 1), 0));
                break;
            case Mnemonic.Dec:
                Set(i.Op0Register, Compare(Value(i, 0) - 1, 0));
                break;
            case Mnemonic.Test:
                Compare(Value(i, 0) & Value(i, 1), 0);
                break;
            case Mnemonic.Cmp:
                Compare(Value(i, 0), Value(i, 1));
                break;
            default:
                return false;
        }
        return true;
    }

    private long Compare(long left, long right)
    {
        (_left, _right, _difference) = (left, right, left - right);
        return left;
    }

    private long Value(in Instruction i, int operand) =>
        i.GetOpKind(operand) switch
        {
            OpKind.Register => i.GetOpRegister(operand).GetSize() == 8
                ? General(i.GetOpRegister(operand))
                : (uint)General(i.GetOpRegister(operand)),
            OpKind.Memory when i.MemorySize.GetSize() == 8 => *(long*)_memory.Check(Address(i), 8, Access.Read),
            OpKind.Memory => throw Unknown(i),
            _ => (long)i.GetImmediate(operand),
        };

    private long Address(in Instruction i) =>
        General(i.MemoryBase)
        + (long)i.MemoryDisplacement64
        + (i.MemoryIndex == Register.None ? 0 : General(i.MemoryIndex) * i.MemoryIndexScale);

    private long General(Register register) => _general[register.GetFullRegister() - Register.RAX];

    /// <summary>Writing the lower half clears the upper one.</summary>
    private void Set(Register register, long value) =>
        _general[register.GetFullRegister() - Register.RAX] = register.GetSize() switch
        {
            8 => value,
            4 => (uint)value,
            _ => throw new NotSupportedException($"{register}"),
        };

    private static NotSupportedException Unknown(in Instruction i) => new($"the interpreter does not know {i}");
}
