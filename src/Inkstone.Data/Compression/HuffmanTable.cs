using System.Numerics;

namespace Inkstone.Data;

/// <summary>The Huffman code of Zstandard's literals (RFC 8878, section 4.2).</summary>
internal sealed class HuffmanTable
{
    private const int MostBits = 11;
    private const int SymbolsPerLoad = 5, LoadedBits = SymbolsPerLoad * MostBits;
    private readonly ushort[] _codes; // By the next bits of a stream: symbol, and length of its code in the high byte.
    private readonly int _maxBits;

    private HuffmanTable(ReadOnlySpan<byte> weights)
    {
        int sum = 0;
        foreach (byte weight in weights) sum += weight > 0 ? 1 << (weight - 1) : 0;
        if (sum == 0) throw new FormatException("a Huffman table is empty");
        _maxBits = BitOperations.Log2((uint)sum) + 1;
        int rest = (1 << _maxBits) - sum;
        if (_maxBits > MostBits || !BitOperations.IsPow2(rest)) throw new FormatException("a Huffman table does not add up");
        int last = BitOperations.Log2((uint)rest) + 1; // The last symbol's weight is what is missing from a power of two.

        _codes = new ushort[1 << _maxBits];
        int at = 0;
        for (int weight = 1; weight <= _maxBits; weight++)
        {
            for (int symbol = 0; symbol <= weights.Length; symbol++)
            {
                if ((symbol == weights.Length ? last : weights[symbol]) != weight) continue;
                int span = 1 << (weight - 1);
                _codes.AsSpan(at, span).Fill((ushort)((_maxBits + 1 - weight) << 8 | symbol));
                at += span;
            }
        }
    }

    /// <summary>Reads a table and the bytes it takes.</summary>
    /// <exception cref="FormatException">It is no table.</exception>
    public static HuffmanTable Read(ReadOnlySpan<byte> source, out int length)
    {
        int header = source[0], count = 0;
        Span<byte> weights = stackalloc byte[256];
        if (header >= 128)
        {
            count = header - 127;
            length = 1 + (count + 1) / 2;
            for (int i = 0; i < count; i++) weights[i] = (byte)(i % 2 == 0 ? source[1 + i / 2] >> 4 : source[1 + i / 2] & 15);
        }
        else
        {
            length = 1 + header;
            ReadOnlySpan<byte> packed = source.Slice(1, header);
            FseTable table = FseTable.Read(packed, 6, 255, out int used);
            var bits = new BackwardBits(packed[used..]);
            // Two states take turns; the one that runs dry leaves the other with one symbol.
            int first = (int)bits.Read(table.AccuracyLog), second = (int)bits.Read(table.AccuracyLog);
            while (true)
            {
                if (count > 253) throw new FormatException("a Huffman table has too many symbols");
                weights[count++] = (byte)table.Symbol(first);
                first = table.Next(first, ref bits);
                (first, second) = (second, first);
                if (bits.Left >= 0) continue;
                weights[count++] = (byte)table.Symbol(first);
                break;
            }
        }
        if (weights.ContainsAnyExceptInRange((byte)0, (byte)(MostBits + 1))) throw new FormatException("a Huffman table has codes that are too long");
        return new HuffmanTable(weights[..count]);
    }

    /// <exception cref="FormatException">The stream does not end with the last symbol.</exception>
    public void Decode(ReadOnlySpan<byte> source, Span<byte> output)
    {
        var bits = new BackwardBits(source);
        int i = 0;
        for (; i + SymbolsPerLoad <= output.Length && bits.Left >= LoadedBits; i += SymbolsPerLoad)
        {
            ulong loaded = bits.Peek(LoadedBits);
            int left = LoadedBits;
            for (int k = 0; k < SymbolsPerLoad; k++)
            {
                int code = _codes[(int)(loaded >> (left - _maxBits)) & (_codes.Length - 1)];
                output[i + k] = (byte)code;
                left -= code >> 8;
            }
            bits.Skip(LoadedBits - left);
        }
        for (; i < output.Length; i++)
        {
            int code = _codes[(int)bits.Peek(_maxBits)];
            output[i] = (byte)code;
            bits.Skip(code >> 8);
        }
        if (bits.Left != 0) throw new FormatException("a stream of Zstandard literals has another length than announced");
    }
}
