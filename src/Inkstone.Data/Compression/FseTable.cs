using System.Numerics;

namespace Inkstone.Data;

/// <summary>A decoding table of finite state entropy coding (RFC 8878, section 4.1.1).</summary>
internal sealed class FseTable
{
    private readonly State[] _states;

    private FseTable(int accuracy) => (AccuracyLog, _states) = (accuracy, new State[1 << accuracy]);

    public int AccuracyLog { get; }

    public int Symbol(int state) => _states[state].Symbol;

    public int Next(int state, ref BackwardBits bits)
    {
        State entry = _states[state];
        return entry.Base + (int)bits.Read(entry.Bits);
    }

    /// <summary>One symbol, no bits.</summary>
    public static FseTable Single(byte symbol)
    {
        var table = new FseTable(0);
        table._states[0].Symbol = symbol;
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
            if (counts[s] == -1 && high > 0) table._states[--high].Symbol = (byte)s;
            next[s] = (ushort)Math.Abs((int)counts[s]);
        }
        if (total != size) throw new FormatException("a Zstandard table does not add up");
        for (int s = 0; s < counts.Length; s++)
        {
            for (int i = 0; i < counts[s]; i++)
            {
                table._states[position].Symbol = (byte)s;
                do position = (position + step) & (size - 1);
                while (position >= high);
            }
        }
        for (int i = 0; i < size; i++)
        {
            ref State entry = ref table._states[i];
            int state = next[entry.Symbol]++;
            entry.Bits = (byte)(accuracy - BitOperations.Log2((uint)state));
            entry.Base = (ushort)((state << entry.Bits) - size);
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

    /// <summary>What a state stands for, and how the next one is found: its bits added to a base.</summary>
    private struct State
    {
        public ushort Base;
        public byte Symbol;
        public byte Bits;
    }
}
