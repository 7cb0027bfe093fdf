using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>One function of machine code: who writes it, and the CPU features that its callers ask for before they run it.</summary>
internal sealed record AssembledFunction(string Name, Action<Iced.Intel.Assembler> Write, params CpuidFeature[] Features)
{
    /// <summary>As it is placed.</summary>
    public byte[] Bytes { get; } = Assembler.Encode(Write);

    /// <summary>Every instruction; what the decoder does not know is invalid.</summary>
    public Instruction[] Instructions()
    {
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(Bytes));
        List<Instruction> instructions = [];
        while (decoder.IP < (ulong)Bytes.Length)
        {
            instructions.Add(decoder.Decode());
        }
        return [.. instructions];
    }

    /// <summary>For people: offset, bytes, instruction, a mark at <paramref name="marked"/>.</summary>
    public string Listing(ulong? marked = null) =>
        string.Join(
            '\n',
            Instructions().Select(i => $"{(i.IP == marked ? '>' : ' ')} {i.IP, 5:x}  {Encoding(i), -24}  {Text(i)}").Prepend(Name)
        );

    /// <summary>The bytes of an instruction in hexadecimal digits.</summary>
    public string Encoding(in Instruction instruction) => Convert.ToHexStringLower(Bytes.AsSpan((int)instruction.IP, instruction.Length));

    /// <summary>In the form of GNU's disassembler.</summary>
    public static string Text(in Instruction instruction)
    {
        StringOutput output = new();
        Formatter formatter = new GasFormatter();
        formatter.Options.SmallHexNumbersInDecimal = false;
        formatter.Options.UppercaseHex = false;
        formatter.Format(instruction, output);
        return output.ToStringAndReset();
    }

    /// <summary>For the names of test cases.</summary>
    public override string ToString() => Name;
}
