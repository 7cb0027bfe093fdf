using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>The compressed blocks of one Zstandard frame (RFC 8878, section 3.1.1.3): literals, then sequences of copies.</summary>
internal sealed class ZstandardBlocks(ByteBuffer output)
{
    private const int LargestBlock = 1 << 17;

    private static readonly FseTable DefaultLiteralLengths = FseTable.Of(
        [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1], 6);
    private static readonly FseTable DefaultOffsets = FseTable.Of(
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5);
    private static readonly FseTable DefaultMatchLengths = FseTable.Of(
        [1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1], 6);

    private static ReadOnlySpan<byte> LiteralBits =>
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    private static ReadOnlySpan<int> LiteralBases =>
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
    private static ReadOnlySpan<byte> MatchBits =>
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    private static ReadOnlySpan<int> MatchBases =>
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
         35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539];

    private readonly int _frameStart = output.Length;
    private byte[] _literals = [];
    private HuffmanTable? _huffman;
    private FseTable? _literalLengths;
    private FseTable? _offsets;
    private FseTable? _matchLengths;
    private int _recent1 = 1, _recent2 = 4, _recent3 = 8;

    /// <exception cref="FormatException">The block is damaged.</exception>
    public void Decompress(ReadOnlySpan<byte> block)
    {
        ReadOnlySpan<byte> literals = Literals(ref block);
        int count = block[0], header = 1;
        if (count == 255) (count, header) = (BinaryPrimitives.ReadUInt16LittleEndian(block[1..]) + 0x7F00, 3);
        else if (count >= 128) (count, header) = (((count - 128) << 8) + block[1], 2);
        block = block[header..];
        if (count > 0)
        {
            int modes = block[0];
            if ((modes & 3) != 0) throw new FormatException("a Zstandard block has reserved bits");
            block = block[1..];
            _literalLengths = Table(modes >> 6, ref block, DefaultLiteralLengths, _literalLengths, 9, 35);
            _offsets = Table(modes >> 4 & 3, ref block, DefaultOffsets, _offsets, 8, 31);
            _matchLengths = Table(modes >> 2 & 3, ref block, DefaultMatchLengths, _matchLengths, 9, 52);
            Sequences(block, count, ref literals);
        }
        else if (block.Length > 0) throw new FormatException("a Zstandard block is longer than what is in it");
        literals.CopyTo(output.Write(literals.Length));
    }

    private void Sequences(ReadOnlySpan<byte> source, int count, ref ReadOnlySpan<byte> literals)
    {
        FseTable literalLengths = _literalLengths!, offsets = _offsets!, matchLengths = _matchLengths!;
        var bits = new BackwardBits(source);
        int literalState = (int)bits.Read(literalLengths.AccuracyLog);
        int offsetState = (int)bits.Read(offsets.AccuracyLog);
        int matchState = (int)bits.Read(matchLengths.AccuracyLog);
        int end = output.Length + LargestBlock;
        for (int i = 0; i < count; i++)
        {
            int offsetCode = offsets.Symbol(offsetState), matchCode = matchLengths.Symbol(matchState), literalCode = literalLengths.Symbol(literalState);
            long offset = (1L << offsetCode) + (long)bits.Read(offsetCode);
            int match = MatchBases[matchCode] + (int)bits.Read(MatchBits[matchCode]);
            int literal = LiteralBases[literalCode] + (int)bits.Read(LiteralBits[literalCode]);
            if (i + 1 < count)
            {
                literalState = literalLengths.Next(literalState, ref bits);
                matchState = matchLengths.Next(matchState, ref bits);
                offsetState = offsets.Next(offsetState, ref bits);
            }
            if (bits.Left < 0) throw new FormatException("a Zstandard block is cut off");

            literals[..literal].CopyTo(output.Write(literal));
            literals = literals[literal..];
            int distance = Distance(offset, literal == 0);
            if (distance > output.Length - _frameStart || output.Length + match > end) throw new FormatException("a Zstandard block repeats bytes that it cannot have");
            output.Repeat(distance, match);
        }
        if (bits.Left != 0) throw new FormatException("a Zstandard block is longer than what is in it");
    }

    /// <summary>Offsets 1 to 3 name recent ones (section 3.1.1.5).</summary>
    private int Distance(long offset, bool noLiterals)
    {
        if (offset > 3)
        {
            (_recent1, _recent2, _recent3) = ((int)Math.Min(offset - 3, int.MaxValue), _recent1, _recent2);
            return _recent1;
        }
        switch (offset + (noLiterals ? 1 : 0))
        {
            case 1: break;
            case 2: (_recent1, _recent2) = (_recent2, _recent1); break;
            case 3: (_recent1, _recent2, _recent3) = (_recent3, _recent1, _recent2); break;
            default: (_recent1, _recent2, _recent3) = (_recent1 - 1, _recent1, _recent2); break;
        }
        return _recent1;
    }

    private static FseTable Table(int mode, ref ReadOnlySpan<byte> source, FseTable standard, FseTable? previous, int maxAccuracy, int maxSymbol)
    {
        switch (mode)
        {
            case 0:
                return standard;
            case 1:
                byte symbol = source[0];
                if (symbol > maxSymbol) throw new FormatException("a Zstandard table has too many symbols");
                source = source[1..];
                return FseTable.Single(symbol);
            case 2:
                FseTable table = FseTable.Read(source, maxAccuracy, maxSymbol, out int length);
                source = source[length..];
                return table;
            default:
                return previous ?? throw new FormatException("a Zstandard block repeats a table that is not there");
        }
    }

    private ReadOnlySpan<byte> Literals(ref ReadOnlySpan<byte> block)
    {
        int type = block[0] & 3, format = block[0] >> 2 & 3;
        if (type < 2)
        {
            int header = format switch { 1 => 2, 3 => 3, _ => 1 };
            int count = format switch { 1 => BinaryPrimitives.ReadUInt16LittleEndian(block) >> 4, 3 => (block[0] | block[1] << 8 | block[2] << 16) >> 4, _ => block[0] >> 3 };
            RefuseLargeBlock(count);
            block = block[header..];
            int packed = type == 0 ? count : 1;
            ReadOnlySpan<byte> raw = block[..packed];
            block = block[packed..];
            if (type == 0) return raw;
            Span<byte> repeated = Room(count);
            repeated.Fill(raw[0]);
            return repeated;
        }
        return CompressedLiterals(ref block, format, ownTable: type == 2);
    }

    private ReadOnlySpan<byte> CompressedLiterals(ref ReadOnlySpan<byte> block, int format, bool ownTable)
    {
        int header = format switch { 2 => 4, 3 => 5, _ => 3 }, width = format switch { 2 => 14, 3 => 18, _ => 10 };
        long sizes = 0;
        for (int i = 0; i < header; i++) sizes |= (long)block[i] << (8 * i);
        int mask = (1 << width) - 1, count = (int)(sizes >> 4) & mask, packed = (int)(sizes >> (4 + width)) & mask;
        RefuseLargeBlock(count);
        ReadOnlySpan<byte> source = block.Slice(header, packed);
        block = block[(header + packed)..];
        if (ownTable)
        {
            _huffman = HuffmanTable.Read(source, out int length);
            source = source[length..];
        }
        HuffmanTable huffman = _huffman ?? throw new FormatException("a Zstandard block repeats a table that is not there");
        Span<byte> literals = Room(count);
        if (format == 0)
        {
            huffman.Decode(source, literals);
            return literals;
        }
        int quarter = (count + 3) / 4, at = 6;
        for (int i = 0; i < 4; i++)
        {
            int length = i < 3 ? BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * i)..]) : source.Length - at;
            huffman.Decode(source.Slice(at, length), i < 3 ? literals.Slice(i * quarter, quarter) : literals[(3 * quarter)..]);
            at += length;
        }
        return literals;
    }

    private Span<byte> Room(int count)
    {
        if (_literals.Length < count) _literals = new byte[LargestBlock];
        return _literals.AsSpan(0, count);
    }

    private static void RefuseLargeBlock(int count)
    {
        if (count > LargestBlock) throw new FormatException("a Zstandard block is larger than 128 KiB");
    }
}
