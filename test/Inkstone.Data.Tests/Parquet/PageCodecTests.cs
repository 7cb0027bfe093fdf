using System.IO.Compression;
using System.Text;
using ZstdSharp;

namespace Inkstone.Data.Tests;

/// <summary>Pages packed by the reference programs zstd 1.5 and lz4 1.9, by the runtime, and by hand from the format
/// descriptions.</summary>
public sealed class PageCodecTests
{
    private const int Snappy = 1,
        Gzip = 2,
        Brotli = 4,
        HadoopLz4 = 5,
        Zstd = 6,
        Lz4 = 7;
    private const string Lz4Packed =
        "8QnnoJrlj7AgcGFwZXIgaW5rIOeslCDloqgMAAAEAMNzdG9uZSBvZiB0aGUnAAAfAAIXADHno6gEAAc/ACG6uCoAA1gABEoAMWFuZBsAU2JydXNoLwAIBgAhdGhkAAEnACOslBUABA4AIW9mZQAATAAhb2YHAARmAAAEAAKKAAF0ACG6uB4ABo4AAm8ACC4ABI0ABdcAI29mDAABWAACtgAAJQAELQAHFwACJQEhb2YYAAINAABbAASnAAOrAADEAAYiAQcMAQI/AAKTAABCACNvZg0ABNIAAjIABCsBAQQAAjoAAWcBI6yUIQAIRAEE2wACBQEG+QADnwElrJQVAQREAAM4AAOwAAJMACZ0aMsBAH8AAzcBJqyUHgEARwAlb2akAQOYACq6uEABKG9mHQIDxQABFwIGDwIG3AEItQACDAADOQAGXgAi5aKSAAO2AAPEAAgbASmslL8ABqYCASUAKaOoYAABCQEF9wADQwAE6gEDlAEA4AAE+QEKowEmrJRvAAZ+AAasAgp8AAbiAAKxAQb5AQYfAQnLASeslAYCBzUBB5UCANAAB0IAAigBBosDKXRoxwIGxwEEDAEDZwMEQwMBGwAGbQEDUwEib2YZAAMNAgMwAAZmAgThAgX4Aii6uKADBiQECksCABIAAg4ABCwBCN4CCLIAB0UDCV4CBisEB38BCgIDB3MAKLq4OgEGegAKIwAH4gAHpAIKiAIJTgEM+QEDvQEIJAAl5aJqAQMiAwG0ACislHEBCYQBBdwDDd0BBjYBACcBJW9mVgME7AEPTQEACbIDBj4DBp8CAAoACJUCBZsAKaOoWwErrJQpBAbSAAn3AAMiAQNMAQchBAjzBAVyBQbqAAflAgn1AATRAwd8AwaZBQejAwaGAQVdAAw2BQaYAgfZAAmnBAO4BAQbAg6VAgo1BAe0AAUeBArEAICslCBwYXBlcg==";

    /// <summary>5,000 letters a, with a checksum of the content in the last four bytes.</summary>
    private const string ZstdRun = "KLUv/WSIEk0AABBhYQEAg9MDLNY8gNQ=";

    [Theory]
    [InlineData(
        "KLUv/WBbBg0RABKKHhywJW0Yc6QN4ZWVIjDAeaRJYnL270npxSQpTKYiwjh4LrFngpg/Vygu1fhzWSi2L05MKLa3v1BMLLH29twzWhL79s81WoyW3Ms1WtoHQbm3VMtNjCAyDASBUGxf/Lf4l2qDoMu9oYuGM1qWapfYn9Fywjh4bgCgBQh8gOyoIYtVkOwzByACQhBjdx4QEOcgiZIOiLvvEJc8SbF0OJSD1gGmsh4EXVS6ZTbB5NsxvmUlXDQKSWKt6S2HFuvhr1MKRFBb+JgxakXmPk6qgICnOLneML0MHKmcF2M0hjweEROFKEFQ7te8wWMLEw1BTfrWJDJyQCUsQklGlZ6OC+jiK5SfeqEeGYzTMBj/G+riyxPDbyABLF/zoyekgT61Qe6fGjjvpxMNLTtSGrjWvn94vviZ73QiJcxlNKigYiCcHJdGTo1+1k6YVupTnZVRmkA3Xm/MthbAAA3P6L6lSleqAHHQCfYHkKgEFBXX0Mq0v+QriTfIDe4e9PS+Dblk7dJKQX/aUjcKLpUgbu84V9cGdZc7fqWg6w18FRdT6IdHaC+6E5NEZ8qIuuLGufkRU8wNp9MtOToTVA3C0OuRjo7RM57cckQIYeBjaaSp5d1kf2msmmZcR9eCUJhNpwQcC+TdSDlQ+7C3C61GTRTlHN08LJJZQ8qigNwFhIO6ezf2tLOgJbQ5ughW2p6ixKwyp+82e/Non6DWnV/Dp3BUrlwV"
    )]
    [InlineData(
        "KLUv/WBbBo0PADJFExzAJR39mz1s+QVtQIDgO9X2LeTY0Lap8VZVh4pnBnNkUmkxXV1fV9f3fd/X9ckhGECgjMVUakjQ+Yfl6ChEcbrtBkVwBnPkJQqF4dACgOqogasKW3sGIAJCjGJ3HhBQQ0WqaQN4JaYcsrSItzGSHQjyzw8oEEFUSb2S9ylRqknHgxDQJQZNtw6SEClGHcZX0OVtr+tKw55ESEiuYa3oVRUqC7mt0Zge9JgsNUQBQRf+awl6tICJqvxi9SqCHBAQ6aNqCRWVtdtGV3IzUSq0P6fFYPG/n1wfd4x7CivXMkt/NdIJhT1TkFWdfexGYVhIZwPz/xdspGytFDvnpOWEhNFYmXETublbyVzK0R9IbgMruKN9M8pIfaCUr7MkQTt2rIzxFIqpxnkvYHHgfIkgfr0Ulob4b76SCAbK1KYnPx5+q6c9XD99cDp+2iA4lXCESh7w6MK4cnrVvKi43Y4zv4Ek0Lv2hUHiiPIhBfLhUDpVZS7kB7h8geOMRMXzvHR9IgeJMW/cNH7Db7z6IxKIoibnz5NdwotdBRJw3bCYKvaBliiPw6tU6vHQXdsMShQ4pwxqc6BP/T1a34bVN4LyjFiEJ1dNw/O1y1mgsh4B0XZw3wmoMPiCmIVU+T037Xb4phdM45+VCPhV+HDIuXFV"
    )]
    [InlineData(
        "KLUv/WBbBs0NAAJFERXQPQoVp7IoAOZVK1TyBaLcLIBGlBb+U/qLAxz19/eP2N/f0fYniqUgDrB3yjwjHmS1f4/zS82I29Hc5pROAwHUteEHc4DWqIGHWtjaMyCEGKWqzgMhCE4AG5E21TAGmDfH80OIbsxxyISpeSjirSqZy2xqkZzywZUoN72MkQLqlfEEut5mR11JtCeFp1hc9bbqk4Vo7kZx8GBaX4oHTQrBg6Ag8HdSHRVZOeDg0vd9iLkX0m+sZNuOIu504cYPffgW9VNNmWFOv3qEatiBgiNB0I2GaZE2aiRc2ssNuBA42TihaBQwGZOb04xZIcxlbBYOcGW0k9tGms5KAA+YERep8GI4MDyXn8QO9IeiBaX8R1+F9b2BTZUfGzN3+zOy3qaT8WmRB+JdeEj3yGNDtNJ6DdLhZ3HGNyKh0YThhCWIbrEYmzfjW5GOTD/POidU/eCsHDowxsqsXOu2l7flaJQ4atZpm8vXsmoGuEgtDghhYyXgyNxULG+CgJVtrQIvdHNkW/TWtB9yE03WOHJm1LJxgn26qLpHGqJaER8jUtaa0gtpvgc3ahOqWUHwf6pLKYpzc77yKg=="
    )]
    public void Zstandard_unpacks_what_zstd_packed(string packed)
    {
        byte[] text = Text(),
            frame = Convert.FromBase64String(packed);
        Unpack(Zstd, frame, text.Length).ShouldBe(text);
        byte[] skippable = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        Unpack(Zstd, [.. frame, .. skippable, .. frame], 2 * text.Length).ShouldBe([.. text, .. text]);
    }

    [Fact]
    public void Zstandard_frames_may_leave_their_length_unsaid()
    {
        using MemoryStream memory = new();
        using (CompressionStream packing = new(memory, level: 3, leaveOpen: true))
        {
            packing.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_windowLog, 27);
            packing.Write(Text().AsSpan(0, 1000));
            packing.Flush();
            packing.Write(Text().AsSpan(1000));
        }
        Unpack(Zstd, memory.ToArray(), Text().Length).ShouldBe(Text());
    }

    [Fact]
    public void Lz4_unpacks_what_lz4_packed_with_and_without_Hadoops_frames()
    {
        byte[] text = Text(),
            block = Convert.FromBase64String(Lz4Packed);
        Unpack(Lz4, block, text.Length).ShouldBe(text);
        Unpack(HadoopLz4, block, text.Length).ShouldBe(text);
        byte[] frame = [.. BigEndian(text.Length), .. BigEndian(block.Length), .. block];
        Unpack(HadoopLz4, frame, text.Length).ShouldBe(text);
        Unpack(HadoopLz4, [.. frame, .. BigEndian(0), .. BigEndian(1), 0, .. frame], 2 * text.Length).ShouldBe([.. text, .. text]);
    }

    [Fact]
    public void Snappy_unpacks_literals_and_copies_of_every_form()
    {
        byte[] literal = [.. Enumerable.Range(0, 70).Select(i => (byte)i)];
        // Length 91; a literal of 70 (its length in one more byte); copies with 1, 2 and 4 bytes of offset: 4 from 70, 10 from 1, 7 from
        // 84.
        byte[] block = [91, 60 << 2, 69, .. literal, 0b000_000_01, 70, 9 << 2 | 2, 1, 0, 6 << 2 | 3, 84, 0, 0, 0];
        Unpack(Snappy, block, 91).ShouldBe([.. literal, .. literal[..4], .. Enumerable.Repeat(literal[3], 10), .. literal[..7]]);
    }

    [Fact]
    public void Gzip_unpacks_several_members_and_zlib_streams()
    {
        byte[] text = Text();
        Unpack(Gzip, [.. Packed(Gzip), .. Packed(Gzip)], 2 * text.Length).ShouldBe([.. text, .. text]);
        using MemoryStream memory = new();
        using (ZLibStream zlib = new(memory, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(text);
        }
        byte[] packed = memory.ToArray();
        Unpack(Gzip, packed, text.Length).ShouldBe(text);
        for (int cut = 1; cut <= 4; cut++)
        {
            Refused(Gzip, packed[..^cut], text.Length);
        }
    }

    /// <summary>An empty page takes bytes in all codecs but the first.</summary>
    [Theory]
    [InlineData(Snappy, new byte[] { 0 })]
    [InlineData(Gzip, new byte[] { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(Brotli, new byte[] { 6 })]
    [InlineData(HadoopLz4, new byte[] { 0 })]
    [InlineData(HadoopLz4, new byte[] { 0, 0, 0, 0, 0, 0, 0, 1, 0 })]
    [InlineData(Zstd, new byte[] { 0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0 })]
    [InlineData(Lz4, new byte[] { 0 })]
    public void Nothing_is_unpacked_to_nothing(int codec, byte[] packed) => Unpack(codec, packed, 0).ShouldBeEmpty();

    [Theory]
    [InlineData(Snappy)]
    [InlineData(Gzip)]
    [InlineData(Brotli)]
    [InlineData(HadoopLz4)]
    [InlineData(Zstd)]
    [InlineData(Lz4)]
    public void A_page_has_exactly_the_length_that_its_header_states(int codec)
    {
        byte[] packed = Packed(codec);
        int length = Text().Length;
        Unpack(codec, packed, length).ShouldBe(Text());
        Refused(codec, packed, length - 1);
        Refused(codec, packed, length + 1);
        Refused(codec, packed, 0);
        Refused(codec, [], length);
        for (int cut = 1; cut < packed.Length; cut++)
        {
            Refused(codec, packed[..^cut], length);
        }

        // A header that promises what the packed bytes cannot give costs no memory.
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(codec, packed, 1 << 30);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1 << 20);
    }

    [Fact]
    public void Checksums_are_compared()
    {
        byte[] gzip = Packed(Gzip),
            zstd = Convert.FromBase64String(ZstdRun);
        Unpack(Zstd, zstd, 5000).ShouldBe(Encoding.ASCII.GetBytes(new string('a', 5000)));
        zstd[^1] ^= 1;
        Refused(Zstd, zstd, 5000).ShouldContain("checksum");
        gzip[^5] ^= 1; // CRC-32, before the length
        Refused(Gzip, gzip, Text().Length);
        Refused(Zstd, [0x28, 0xB5, 0x2F, 0xFD, 0x21, 7, 1, 9, 0, 0, 65], 1).ShouldContain("ictionary"); // a frame that names dictionary 7
    }

    [Theory]
    [InlineData(Snappy)]
    [InlineData(Gzip)]
    [InlineData(Brotli)]
    [InlineData(HadoopLz4)]
    [InlineData(Zstd)]
    [InlineData(Lz4)]
    public void Damage_is_an_error_and_never_more_than_that(int codec)
    {
        byte[] packed = Packed(codec);
        Random random = new(codec);
        int length = Text().Length,
            damaged = 0;
        for (int i = 0; i < 5000; i++)
        {
            byte[] bytes = packed[..(random.Next(4) == 0 ? random.Next(packed.Length) : packed.Length)];
            for (int k = random.Next(1, 4); k > 0 && bytes.Length > 0; k--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            try
            {
                Unpack(codec, bytes, length);
            }
            catch (FormatException)
            {
                damaged++;
            }
        }
        damaged.ShouldBeGreaterThan(1000);
    }

    private static byte[] Packed(int codec)
    {
        byte[] text = Text();
        using MemoryStream memory = new();
        switch (codec)
        {
            case Snappy:
                return Snappier.Snappy.CompressToArray(text);
            case Gzip:
                using (GZipStream gzip = new(memory, CompressionLevel.Fastest, leaveOpen: true))
                {
                    gzip.Write(text);
                }
                return memory.ToArray();
            case Brotli:
                using (BrotliStream brotli = new(memory, CompressionLevel.Fastest, leaveOpen: true))
                {
                    brotli.Write(text);
                }
                return memory.ToArray();
            case Zstd:
                return Convert.FromBase64String(
                    "KLUv/WBbBo0PADJFExzAJR39mz1s+QVtQIDgO9X2LeTY0Lap8VZVh4pnBnNkUmkxXV1fV9f3fd/X9ckhGECgjMVUakjQ+Yfl6ChEcbrtBkVwBnPkJQqF4dACgOqogasKW3sGIAJCjGJ3HhBQQ0WqaQN4JaYcsrSItzGSHQjyzw8oEEFUSb2S9ylRqknHgxDQJQZNtw6SEClGHcZX0OVtr+tKw55ESEiuYa3oVRUqC7mt0Zge9JgsNUQBQRf+awl6tICJqvxi9SqCHBAQ6aNqCRWVtdtGV3IzUSq0P6fFYPG/n1wfd4x7CivXMkt/NdIJhT1TkFWdfexGYVhIZwPz/xdspGytFDvnpOWEhNFYmXETublbyVzK0R9IbgMruKN9M8pIfaCUr7MkQTt2rIzxFIqpxnkvYHHgfIkgfr0Ulob4b76SCAbK1KYnPx5+q6c9XD99cDp+2iA4lXCESh7w6MK4cnrVvKi43Y4zv4Ek0Lv2hUHiiPIhBfLhUDpVZS7kB7h8geOMRMXzvHR9IgeJMW/cNH7Db7z6IxKIoibnz5NdwotdBRJw3bCYKvaBliiPw6tU6vHQXdsMShQ4pwxqc6BP/T1a34bVN4LyjFiEJ1dNw/O1y1mgsh4B0XZw3wmoMPiCmIVU+T037Xb4phdM45+VCPhV+HDIuXFV"
                );
            case Lz4:
                return Convert.FromBase64String(Lz4Packed);
            default:
                byte[] block = Convert.FromBase64String(Lz4Packed);
                return [.. BigEndian(text.Length), .. BigEndian(block.Length), .. block];
        }
    }

    private static byte[] Unpack(int codec, byte[] packed, int length)
    {
        ByteBuffer output = new();
        PageCodec.Unpack(codec, [9, .. packed, 9, 9], 1, packed.Length + 1, length, output);
        return output.Span.ToArray();
    }

    private static string Refused(int codec, byte[] packed, int length) =>
        Should.Throw<FormatException>(() => Unpack(codec, packed, length)).Message;

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    /// <summary>400 words drawn by a linear congruence, as they were packed.</summary>
    private static byte[] Text()
    {
        string[] words = ["砚台", "ink", "stone", "磨", "paper", "brush", "笔", "墨", "纸", "the", "of", "and"];
        uint x = 12345;
        return Encoding.UTF8.GetBytes(
            string.Join(' ', Enumerable.Range(0, 400).Select(_ => words[((x = (x * 1103515245 + 12345) & 0x7FFFFFFF) >> 16) % 12]))
        );
    }
}
