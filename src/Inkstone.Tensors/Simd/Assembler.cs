using System.Runtime.InteropServices;
using Iced.Intel;

namespace Inkstone.Tensors;

/// <summary>Kernels assembled at run time, for instructions that the runtime has no intrinsics for.</summary>
internal static unsafe class Assembler
{
    /// <summary>True where machine code can be made and called: 64-bit x86 Linux (System V calling convention). The system
    /// maps it, so a program that is compiled ahead can do so too.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Encodes what <paramref name="write"/> wrote.</summary>
    public static byte[] Encode(Action<Iced.Intel.Assembler> write)
    {
        Iced.Intel.Assembler assembler = new(64);
        write(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    /// <summary>A vector register by its number.</summary>
    public static AssemblerRegisterZMM Zmm(int index) => new((Register)((int)Register.ZMM0 + index));

    /// <summary>Encodes and places a function.</summary>
    public static void* Compile(Action<Iced.Intel.Assembler> write) => ExecutableMemory.Place(Encode(write));
}
