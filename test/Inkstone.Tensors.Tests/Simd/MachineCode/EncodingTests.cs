using System.Reflection;
using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>
/// The bytes of every assembled function, whether this machine can run them or not: they decode, stay inside the function, use no more than
/// the CPU features that the
/// function's callers have asked for, keep to the calling convention, and say to GNU's disassembler what they say to the assembler's own.
/// </summary>
public sealed class EncodingTests
{
    /// <summary>What System V gives to the callee, beside all vector, mask and tile registers.</summary>
    private static readonly Register[] CallerSaved =
    [
        Register.RAX,
        Register.RCX,
        Register.RDX,
        Register.RSI,
        Register.RDI,
        Register.R8,
        Register.R9,
        Register.R10,
        Register.R11,
    ];

    public static TheoryData<string> Names => new(AssembledFunctions.All.Select(f => f.Name));

    [Fact]
    public void Every_writer_is_listed()
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly;
        string[] writers =
        [
            .. typeof(AmxKernel)
                .Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(All))
                .Where(method => method.GetParameters() is [{ } first, ..] && first.ParameterType == typeof(Iced.Intel.Assembler))
                .Select(method => $"{method.DeclaringType!.Name}.{method.Name}")
                .Order(),
        ];
        writers.ShouldBe(
            [
                "AmxInt8.Write",
                "AmxKernel.Write",
                "AmxKernel.WriteBegin",
                "AmxKernel.WriteEnd",
                "AssembledInt8.WriteDot",
                "AssembledInt8.WriteTile",
                "AssembledKernels.Write",
                "AssembledKernels.WriteRow",
                "StripKernel.Write",
                "UnitProbe.WriteBFloat16",
                "UnitProbe.WriteFloat32",
                "UnitProbe.WriteInt8",
                "UnitProbe.WriteTileBFloat16",
                "UnitProbe.WriteTileInt8",
            ],
            "a new function belongs into AssembledFunctions, then here"
        );
        AssembledFunctions.All.Count.ShouldBe(30);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Control_flow_stays_inside(string name)
    {
        AssembledFunction function = Named(name);
        Instruction[] code = function.Instructions();
        HashSet<ulong> starts = [.. code.Select(i => i.IP)];
        foreach (Instruction i in code)
        {
            i.IsInvalid.ShouldBeFalse(Here(function, i));
            switch (i.FlowControl)
            {
                case FlowControl.Next or FlowControl.Return:
                    break;
                case FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch:
                    starts.ShouldContain(i.NearBranchTarget, Here(function, i));
                    break;
                default:
                    Assert.Fail("neither goes on, jumps nor returns: " + Here(function, i));
                    break;
            }
        }
        code[^1].NextIP.ShouldBe((ulong)function.Bytes.Length, function.Listing());
        code[^1].Mnemonic.ShouldBe(Mnemonic.Ret, function.Listing());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Features_are_those_that_callers_ask_for(string name)
    {
        AssembledFunction function = Named(name);
        foreach (Instruction i in function.Instructions())
        {
            i.CpuidFeatures.Except(function.Features).ShouldBeEmpty(Here(function, i));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_calling_convention_is_kept(string name)
    {
        AssembledFunction function = Named(name);
        Instruction[] code = function.Instructions();
        InstructionInfoFactory factory = new();
        bool dirtiesVectors = false;
        for (int at = 0; at < code.Length; at++)
        {
            Instruction i = code[at];
            InstructionInfo info = factory.GetInfo(i);
            foreach (UsedRegister used in info.GetUsedRegisters().Where(used => used.Access is not (OpAccess.Read or OpAccess.CondRead)))
            {
                Register register = used.Register;
                bool stack = i.Mnemonic == Mnemonic.Ret && register == Register.RSP;
                (
                    stack
                    || register.IsVectorRegister()
                    || register.IsK()
                    || register.IsTMM()
                    || CallerSaved.Contains(register.GetFullRegister())
                ).ShouldBeTrue($"writes {register}: {Here(function, i)}");
                dirtiesVectors |= register.IsYMM() || register.IsZMM();
            }
            foreach (UsedMemory memory in info.GetUsedMemory().Where(_ => i.Mnemonic != Mnemonic.Ret))
            {
                CallerSaved.ShouldContain(memory.Base, "memory is reached from the arguments alone: " + Here(function, i));
                (memory.Index == Register.None || CallerSaved.Contains(memory.Index)).ShouldBeTrue(Here(function, i));
                i.SegmentPrefix.ShouldBe(Register.None, Here(function, i));
            }
        }
        foreach (
            Instruction before in code.Zip(code.Skip(1)).Where(pair => pair.Second.Mnemonic == Mnemonic.Ret).Select(pair => pair.First)
        )
        {
            (before.Mnemonic == Mnemonic.Vzeroupper).ShouldBe(
                dirtiesVectors,
                "callers' SSE code would be slow after dirty upper halves: " + Here(function, before)
            );
        }
    }

    /// <summary>The file holds what <c>objdump</c> reads in the bytes. Jumps are left to the interpreter: their bytes depend on where they
    /// stand.</summary>
    [Fact]
    public void Gnu_reads_the_same_instructions()
    {
        Dictionary<string, string> gnu = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "gnu.txt"))
            .Where(line => !line.StartsWith('#'))
            .Select(line => line.Split('\t'))
            .ToDictionary(p => p[0], p => p[1]);
        string code = Path.Combine(AppContext.BaseDirectory, "machine-code.bin");
        File.WriteAllBytes(code, [.. AssembledFunctions.All.SelectMany(f => f.Bytes)]);
        HashSet<string> seen = [];
        List<string> differences = [];
        foreach (AssembledFunction function in AssembledFunctions.All)
        {
            foreach (Instruction i in function.Instructions().Where(i => i.FlowControl is FlowControl.Next or FlowControl.Return))
            {
                (string bytes, string text) = (function.Encoding(i), AssembledFunction.Text(i));
                if (seen.Add(bytes) && gnu.GetValueOrDefault(bytes) != text)
                {
                    differences.Add($"{bytes}  {text}  GNU: {gnu.GetValueOrDefault(bytes)}  in {function.Name}");
                }
            }
        }
        differences.ShouldBeEmpty($"where this is as it should be, make gnu.txt again as its first line says, from {code}");
        gnu.Keys.Except(seen).ShouldBeEmpty("no function has them any more");
    }

    private static AssembledFunction Named(string name) => AssembledFunctions.All.Single(f => f.Name == name);

    private static string Here(AssembledFunction function, in Instruction instruction) => function.Listing(instruction.IP);
}
