using System.Numerics;

namespace Inkstone.Data;

/// <summary>A decoding table of finite state entropy coding (RFC 8878, section 4.1.1).</summary>
internal sealed class FseTable
{
    private readonly byte[] _symbols;
    private readonly byte[] _bits;
    private readonly ushort[] _bases;

    private FseTable(int accuracy) => (AccuracyLog, _symbols, _bits, _bases) = (accuracy, new byte[1 << accuracy], new byte[1 << accuracy], new ushort[1 << accuracy]);

    public int AccuracyLog { get; }

    public int Symbol(int state) => _symbols[state];

    public int Next(int state, ref BackwardBits bits) => _bases[state] + (int)bits.Read(_bits[state]);

    /// <summary>One symbol, no bits.</summary>
    public static FseTable Single(byte symbol)
    {
        var table = new FseTable(0);
        table._symbols[0] = symbol;
        return table;
    }

    /// <summary>The table of a distribution: a count of -1 is a probability below 1.</summary>
    public static FseTable Of(ReadOnlySpan<sbyte> counts, int accuracy)
    {
        Span<short> wide = stackalloc short[counts.Length];
        for (int i = 0; i < counts.Length; i++) wide[i] = counts[i];
        return Of(wide, accuracy);
    }

    /// <summary>Reads a distribution (RFC 8878, section 4.1.1) and the bytes it takes.</summary>
    /// <exception cref="FormatException">It is no distribution.</exception>
    public static FseTable Read(ReadOnlySpan<byte> source, int maxAccuracy, int maxSymbol, out int length)
    {
        int position = 0;
        int accuracy = Take(source, ref position, 4) + 5;
        if (accuracy > maxAccuracy) throw new FormatException("a Zstandard table is too large");
        Span<short> counts = stackalloc short[256];
        int symbols = 0;
        for (int remaining = 1 << accuracy; remaining > 0;)
        {
            if (symbols > maxSymbol) throw new FormatException("a Zstandard table has too many symbols");
            int bits = BitOperations.Log2((uint)remaining + 1) + 1;
            int value = Take(source, ref position, bits);
            int lowMask = (1 << (bits - 1)) - 1, threshold = (1 << bits) - 2 - remaining;
            if ((value & lowMask) < threshold)
            {
                position--;
                value &= lowMask;
            }
            else if (value > lowMask) value -= threshold;

            counts[symbols++] = (short)(value - 1);
            remaining -= Math.Abs(value - 1);
            if (value != 1) continue;
            int zeros;
            do
            {
                zeros = Take(source, ref position, 2);
                symbols += zeros;
            }
            while (zeros == 3 && symbols <= maxSymbol);
            if (symbols > maxSymbol + 1) throw new FormatException("a Zstandard table has too many symbols");
            if (remaining < 0) break;
        }
        length = (position + 7) / 8;
        if (length > source.Length) throw new FormatException("a Zstandard table is cut off");
        return Of(counts[..symbols], accuracy);
    }

    private static FseTable Of(ReadOnlySpan<short> counts, int accuracy)
    {
        var table = new FseTable(accuracy);
        int size = 1 << accuracy, high = size, position = 0, step = (size >> 1) + (size >> 3) + 3;
        Span<ushort> next = stackalloc ushort[counts.Length];
        int total = 0;
        for (int s = 0; s < counts.Length; s++)
        {
            total += Math.Abs((int)counts[s]);
            if (counts[s] == -1 && high > 0) table._symbols[--high] = (byte)s;
            next[s] = (ushort)Math.Abs((int)counts[s]);
        }
        if (total != size) throw new FormatException("a Zstandard table does not add up");
        for (int s = 0; s < counts.Length; s++)
        {
            for (int i = 0; i < counts[s]; i++)
            {
                table._symbols[position] = (byte)s;
                do position = (position + step) & (size - 1);
                while (position >= high);
            }
        }
        for (int i = 0; i < size; i++)
        {
            int state = next[table._symbols[i]]++;
            int bits = accuracy - BitOperations.Log2((uint)state);
            table._bits[i] = (byte)bits;
            table._bases[i] = (ushort)((state << bits) - size);
        }
        return table;
    }

    private static int Take(ReadOnlySpan<byte> source, ref int position, int count)
    {
        uint word = 0;
        for (int i = 0, at = position >> 3; i < 4 && at + i < source.Length; i++) word |= (uint)source[at + i] << (8 * i);
        word >>= position & 7;
        position += count;
        return (int)(word & ((1u << count) - 1));
    }
}
