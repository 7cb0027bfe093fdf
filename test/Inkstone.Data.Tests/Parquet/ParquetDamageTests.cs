using System.Diagnostics;
using System.IO.Compression;
using static Inkstone.Data.Tests.ParquetSample;

namespace Inkstone.Data.Tests;

/// <summary>Whatever happens to a file, it is read or refused by name: no other exception, no endless loop, no memory for what is not
/// there.</summary>
public sealed class ParquetDamageTests : IDisposable
{
    private const long MostMemory = 64 << 20;
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_cut_of_a_small_file_is_refused()
    {
        byte[] bytes = ParquetFileTests.Dremel().Bytes(2, 3);
        for (int length = 0; length < bytes.Length; length++)
        {
            IsRead(bytes[..length]).ShouldBeFalse();
        }
        IsRead(bytes).ShouldBeTrue();
    }

    [Fact]
    public void Small_files_with_changed_bytes_are_read_or_refused()
    {
        byte[][] files =
        [
            ParquetFileTests.Dremel().Bytes(2, 3),
            ColumnsOf(0, b => b).Bytes(8, 9),
            ColumnsOf(2, b => Packed(b, s => new GZipStream(s, CompressionLevel.Fastest, leaveOpen: true))).Bytes(8, 9),
            ColumnsOf(4, b => Packed(b, s => new BrotliStream(s, CompressionLevel.Fastest, leaveOpen: true))).Bytes(8, 9),
        ];
        Random random = new(7);
        int read = 0;
        for (int round = 0; round < 4000; round++)
        {
            byte[] bytes = [.. files[round % files.Length]];
            for (int i = random.Next(1, 5); i > 0; i--)
            {
                Change(bytes, random);
            }
            if (IsRead(bytes))
            {
                read++;
            }
        }
        read.ShouldBeInRange(20, 3000); // Some changes must go unseen (a letter), and some must not.
    }

    [GoldenTheory("goldens/parquet")]
    [InlineData("brotli")]
    [InlineData("delta")]
    [InlineData("gzip")]
    [InlineData("lz4")]
    [InlineData("none")]
    [InlineData("plain_v1")]
    [InlineData("snappy")]
    [InlineData("v2_pages")]
    [InlineData("zstd")]
    public void Real_files_with_changed_bytes_are_read_or_refused(string name)
    {
        byte[] original = File.ReadAllBytes(Goldens.Of($"parquet/{name}.parquet"));
        int footer = BitConverter.ToInt32(original, original.Length - 8),
            footerStart = original.Length - 8 - footer;
        Random random = new(name.Length);
        for (int round = 0; round < 30; round++)
        {
            byte[] bytes = [.. original];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                // Half of the changes in the footer, where sizes and places are.
                if (random.Next(2) == 0)
                {
                    Change(bytes.AsSpan(footerStart), random);
                }
                else
                {
                    Change(bytes, random);
                }
            }
            IsRead(round % 6 == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
        }
    }

    private static ParquetSample ColumnsOf(int codec, Func<byte[], byte[]> compress)
    {
        // Delta blocks by hand: 128 values per block, 4 miniblocks, 8 values; first 5, then differences of 1 + (0 or 1 in one bit each).
        byte[] delta = [0x80, 1, 4, 8, 10, 2, 1, 0, 0, 0, 0b0101_0101, 0, 0, 0];
        byte[] lengths = [0x80, 1, 4, 8, 4, 0, 0, 0, 0, 0]; // eight times 2
        byte[] prefixes = [0x80, 1, 4, 8, 0, 0, 0, 0, 0, 0]; // eight times 0
        byte[] texts = [.. "aabbccddeeffgghh"u8];
        return new ParquetSample { Codec = codec, Compress = compress }
            .Column("delta", INT64, 8, delta, encoding: 5)
            .Column("length", BYTE_ARRAY, 8, [.. lengths, .. texts], converted: 0, encoding: 6)
            .Column("prefix", BYTE_ARRAY, 8, [.. prefixes, .. lengths, .. texts], converted: 0, encoding: 7)
            .Column("split", INT32, 8, new byte[32], encoding: 9)
            .Column(
                "word",
                BYTE_ARRAY,
                8,
                [2, 3, 0b11_10_01_00, 0b00_01_10_11],
                converted: 0,
                encoding: 8,
                dictionary: Texts("a", "b", "c", "d"),
                dictionaryValues: 4
            )
            .Column("bool", BOOLEAN, 8, [2, 0, 0, 0, 3, 0x55], encoding: 3)
            .Column("time", INT96, 8, new byte[96])
            .Column("price", FIXED, 8, new byte[24], converted: 5, length: 3, scale: 1, precision: 6)
            .Column(
                "maybe",
                DOUBLE,
                8,
                new byte[32],
                Optional,
                levels: [(0, 1), (0, 0), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1), (0, 0)],
                maxDefinition: 1
            );
    }

    private static void Change(Span<byte> bytes, Random random)
    {
        int at = random.Next(bytes.Length);
        switch (random.Next(4))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes.Slice(at, Math.Min(bytes.Length - at, random.Next(1, 9))).Fill((byte)(random.Next(2) == 0 ? 0xFF : 0));
                break;
            default:
                bytes.Slice(random.Next(bytes.Length - 8), 8).CopyTo(bytes[Math.Min(at, bytes.Length - 8)..]);
                break;
        }
    }

    private static byte[] Packed(byte[] bytes, Func<Stream, Stream> open)
    {
        using MemoryStream memory = new();
        using (Stream stream = open(memory))
        {
            stream.Write(bytes);
        }
        return memory.ToArray();
    }

    /// <summary>Whether every row is read; a refusal must name the file, come soon, and have cost little memory.</summary>
    private bool IsRead(byte[] bytes)
    {
        string path = _folder.Write("damaged.parquet", bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Stopwatch clock = Stopwatch.StartNew();
        try
        {
            using ParquetFile file = new(path);
            int rows = 0;
            foreach (System.Text.Json.Nodes.JsonObject row in file.ReadRows())
            {
                if (++rows == 100_000)
                {
                    break; // A changed count of nulls may be true.
                }
            }
            return true;
        }
        catch (InvalidDataException exception)
        {
            exception.Message.ShouldContain("damaged.parquet");
            return false;
        }
        finally
        {
            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostMemory + 40L * bytes.Length);
            clock.Elapsed.TotalSeconds.ShouldBeLessThan(20);
        }
    }
}
