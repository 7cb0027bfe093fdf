using System.Text;

namespace Inkstone.Data.Tests;

/// <summary>What the reference programs zstd 1.5 and lz4 1.9 made of a text, and blocks made by hand from the format descriptions.</summary>
public sealed class CompressionTests
{
    private const string Lz4Block = "8QnnoJrlj7AgcGFwZXIgaW5rIOeslCDloqgMAAAEAMNzdG9uZSBvZiB0aGUnAAAfAAIXADHno6gEAAc/ACG6uCoAA1gABEoAMWFuZBsAU2JydXNoLwAIBgAhdGhkAAEnACOslBUABA4AIW9mZQAATAAhb2YHAARmAAAEAAKKAAF0ACG6uB4ABo4AAm8ACC4ABI0ABdcAI29mDAABWAACtgAAJQAELQAHFwACJQEhb2YYAAINAABbAASnAAOrAADEAAYiAQcMAQI/AAKTAABCACNvZg0ABNIAAjIABCsBAQQAAjoAAWcBI6yUIQAIRAEE2wACBQEG+QADnwElrJQVAQREAAM4AAOwAAJMACZ0aMsBAH8AAzcBJqyUHgEARwAlb2akAQOYACq6uEABKG9mHQIDxQABFwIGDwIG3AEItQACDAADOQAGXgAi5aKSAAO2AAPEAAgbASmslL8ABqYCASUAKaOoYAABCQEF9wADQwAE6gEDlAEA4AAE+QEKowEmrJRvAAZ+AAasAgp8AAbiAAKxAQb5AQYfAQnLASeslAYCBzUBB5UCANAAB0IAAigBBosDKXRoxwIGxwEEDAEDZwMEQwMBGwAGbQEDUwEib2YZAAMNAgMwAAZmAgThAgX4Aii6uKADBiQECksCABIAAg4ABCwBCN4CCLIAB0UDCV4CBisEB38BCgIDB3MAKLq4OgEGegAKIwAH4gAHpAIKiAIJTgEM+QEDvQEIJAAl5aJqAQMiAwG0ACislHEBCYQBBdwDDd0BBjYBACcBJW9mVgME7AEPTQEACbIDBj4DBp8CAAoACJUCBZsAKaOoWwErrJQpBAbSAAn3AAMiAQNMAQchBAjzBAVyBQbqAAflAgn1AATRAwd8AwaZBQejAwaGAQVdAAw2BQaYAgfZAAmnBAO4BAQbAg6VAgo1BAe0AAUeBArEAICslCBwYXBlcg==";

    [Theory]
    [InlineData("KLUv/WBbBg0RABKKHhywJW0Yc6QN4ZWVIjDAeaRJYnL270npxSQpTKYiwjh4LrFngpg/Vygu1fhzWSi2L05MKLa3v1BMLLH29twzWhL79s81WoyW3Ms1WtoHQbm3VMtNjCAyDASBUGxf/Lf4l2qDoMu9oYuGM1qWapfYn9Fywjh4bgCgBQh8gOyoIYtVkOwzByACQhBjdx4QEOcgiZIOiLvvEJc8SbF0OJSD1gGmsh4EXVS6ZTbB5NsxvmUlXDQKSWKt6S2HFuvhr1MKRFBb+JgxakXmPk6qgICnOLneML0MHKmcF2M0hjweEROFKEFQ7te8wWMLEw1BTfrWJDJyQCUsQklGlZ6OC+jiK5SfeqEeGYzTMBj/G+riyxPDbyABLF/zoyekgT61Qe6fGjjvpxMNLTtSGrjWvn94vviZ73QiJcxlNKigYiCcHJdGTo1+1k6YVupTnZVRmkA3Xm/MthbAAA3P6L6lSleqAHHQCfYHkKgEFBXX0Mq0v+QriTfIDe4e9PS+Dblk7dJKQX/aUjcKLpUgbu84V9cGdZc7fqWg6w18FRdT6IdHaC+6E5NEZ8qIuuLGufkRU8wNp9MtOToTVA3C0OuRjo7RM57cckQIYeBjaaSp5d1kf2msmmZcR9eCUJhNpwQcC+TdSDlQ+7C3C61GTRTlHN08LJJZQ8qigNwFhIO6ezf2tLOgJbQ5ughW2p6ixKwyp+82e/Non6DWnV/Dp3BUrlwV")]
    [InlineData("KLUv/WBbBo0PADJFExzAJR39mz1s+QVtQIDgO9X2LeTY0Lap8VZVh4pnBnNkUmkxXV1fV9f3fd/X9ckhGECgjMVUakjQ+Yfl6ChEcbrtBkVwBnPkJQqF4dACgOqogasKW3sGIAJCjGJ3HhBQQ0WqaQN4JaYcsrSItzGSHQjyzw8oEEFUSb2S9ylRqknHgxDQJQZNtw6SEClGHcZX0OVtr+tKw55ESEiuYa3oVRUqC7mt0Zge9JgsNUQBQRf+awl6tICJqvxi9SqCHBAQ6aNqCRWVtdtGV3IzUSq0P6fFYPG/n1wfd4x7CivXMkt/NdIJhT1TkFWdfexGYVhIZwPz/xdspGytFDvnpOWEhNFYmXETublbyVzK0R9IbgMruKN9M8pIfaCUr7MkQTt2rIzxFIqpxnkvYHHgfIkgfr0Ulob4b76SCAbK1KYnPx5+q6c9XD99cDp+2iA4lXCESh7w6MK4cnrVvKi43Y4zv4Ek0Lv2hUHiiPIhBfLhUDpVZS7kB7h8geOMRMXzvHR9IgeJMW/cNH7Db7z6IxKIoibnz5NdwotdBRJw3bCYKvaBliiPw6tU6vHQXdsMShQ4pwxqc6BP/T1a34bVN4LyjFiEJ1dNw/O1y1mgsh4B0XZw3wmoMPiCmIVU+T037Xb4phdM45+VCPhV+HDIuXFV")]
    [InlineData("KLUv/WBbBs0NAAJFERXQPQoVp7IoAOZVK1TyBaLcLIBGlBb+U/qLAxz19/eP2N/f0fYniqUgDrB3yjwjHmS1f4/zS82I29Hc5pROAwHUteEHc4DWqIGHWtjaMyCEGKWqzgMhCE4AG5E21TAGmDfH80OIbsxxyISpeSjirSqZy2xqkZzywZUoN72MkQLqlfEEut5mR11JtCeFp1hc9bbqk4Vo7kZx8GBaX4oHTQrBg6Ag8HdSHRVZOeDg0vd9iLkX0m+sZNuOIu504cYPffgW9VNNmWFOv3qEatiBgiNB0I2GaZE2aiRc2ssNuBA42TihaBQwGZOb04xZIcxlbBYOcGW0k9tGms5KAA+YERep8GI4MDyXn8QO9IeiBaX8R1+F9b2BTZUfGzN3+zOy3qaT8WmRB+JdeEj3yGNDtNJ6DdLhZ3HGNyKh0YThhCWIbrEYmzfjW5GOTD/POidU/eCsHDowxsqsXOu2l7flaJQ4atZpm8vXsmoGuEgtDghhYyXgyNxULG+CgJVtrQIvdHNkW/TWtB9yE03WOHJm1LJxgn26qLpHGqJaER8jUtaa0gtpvgc3ahOqWUHwf6pLKYpzc77yKg==")]
    public void Zstandard_unpacks_what_zstd_packed(string packed)
    {
        byte[] text = Text(), frame = Convert.FromBase64String(packed);
        Unpack(Zstandard.Decompress, frame, text.Length).ShouldBe(text);
        byte[] skippable = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        Unpack(Zstandard.Decompress, [.. frame, .. skippable, .. frame], 2 * text.Length).ShouldBe([.. text, .. text]);
    }

    [Fact]
    public void Zstandard_unpacks_runs_and_steps_over_checksums()
        => Unpack(Zstandard.Decompress, Convert.FromBase64String("KLUv/WSIEk0AABBhYQEAg9MDLNY8gNQ="), 5000).ShouldBe(Encoding.ASCII.GetBytes(new string('a', 5000)));

    [Fact]
    public void Lz4_unpacks_what_lz4_packed_with_and_without_Hadoops_frames()
    {
        byte[] text = Text(), block = Convert.FromBase64String(Lz4Block);
        Unpack(Lz4.DecompressBlock, block, text.Length).ShouldBe(text);
        Unpack(Lz4.DecompressHadoop, block, text.Length).ShouldBe(text);
        byte[] frame = [.. BigEndian(text.Length), .. BigEndian(block.Length), .. block];
        Unpack(Lz4.DecompressHadoop, frame, text.Length).ShouldBe(text);
        Unpack(Lz4.DecompressHadoop, [.. frame, .. frame], 2 * text.Length).ShouldBe([.. text, .. text]);
    }

    [Fact]
    public void Snappy_unpacks_literals_and_copies_of_every_form()
    {
        byte[] literal = [.. Enumerable.Range(0, 70).Select(i => (byte)i)];
        // Length 91; a literal of 70 (its length in one more byte); copies with 1, 2 and 4 bytes of offset: 4 from 70, 10 from 1, 7 from 84.
        byte[] block = [91, 60 << 2, 69, .. literal, 0b000_000_01, 70, 9 << 2 | 2, 1, 0, 6 << 2 | 3, 84, 0, 0, 0];
        Unpack(Snappy.Decompress, block, 91).ShouldBe([.. literal, .. literal[..4], .. Enumerable.Repeat(literal[3], 10), .. literal[..7]]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Damage_is_an_error_and_never_more_than_that(int format)
    {
        (Decompressor decompress, byte[] packed) = format switch
        {
            1 => ((Decompressor)Zstandard.Decompress, Convert.FromBase64String("KLUv/WBbBo0PADJFExzAJR39mz1s+QVtQIDgO9X2LeTY0Lap8VZVh4pnBnNkUmkxXV1fV9f3fd/X9ckhGECgjMVUakjQ+Yfl6ChEcbrtBkVwBnPkJQqF4dACgOqogasKW3sGIAJCjGJ3HhBQQ0WqaQN4JaYcsrSItzGSHQjyzw8oEEFUSb2S9ylRqknHgxDQJQZNtw6SEClGHcZX0OVtr+tKw55ESEiuYa3oVRUqC7mt0Zge9JgsNUQBQRf+awl6tICJqvxi9SqCHBAQ6aNqCRWVtdtGV3IzUSq0P6fFYPG/n1wfd4x7CivXMkt/NdIJhT1TkFWdfexGYVhIZwPz/xdspGytFDvnpOWEhNFYmXETublbyVzK0R9IbgMruKN9M8pIfaCUr7MkQTt2rIzxFIqpxnkvYHHgfIkgfr0Ulob4b76SCAbK1KYnPx5+q6c9XD99cDp+2iA4lXCESh7w6MK4cnrVvKi43Y4zv4Ek0Lv2hUHiiPIhBfLhUDpVZS7kB7h8geOMRMXzvHR9IgeJMW/cNH7Db7z6IxKIoibnz5NdwotdBRJw3bCYKvaBliiPw6tU6vHQXdsMShQ4pwxqc6BP/T1a34bVN4LyjFiEJ1dNw/O1y1mgsh4B0XZw3wmoMPiCmIVU+T037Xb4phdM45+VCPhV+HDIuXFV")),
            2 => (Lz4.DecompressBlock, Convert.FromBase64String(Lz4Block)),
            _ => (Snappy.Decompress, [91, 60 << 2, 69, .. new byte[70], 1, 70, 9 << 2 | 2, 1, 0, 6 << 2 | 3, 84, 0, 0, 0]),
        };
        var random = new Random(format);
        int length = format == 3 ? 91 : Text().Length, damaged = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = packed[..(random.Next(4) == 0 ? random.Next(packed.Length) : packed.Length)];
            for (int k = random.Next(1, 4); k > 0 && bytes.Length > 0; k--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                Unpack(decompress, bytes, length);
            }
            catch (Exception exception) when (exception is FormatException or ArgumentException or IndexOutOfRangeException or OverflowException)
            {
                damaged++;
            }
        }
        damaged.ShouldBeGreaterThan(1000);
    }

    private delegate void Decompressor(ReadOnlySpan<byte> source, ByteBuffer output);

    private static byte[] Unpack(Decompressor decompress, byte[] packed, int length)
    {
        var output = new ByteBuffer();
        output.Restart(length);
        decompress(packed, output);
        return output.Span.ToArray();
    }

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    /// <summary>400 words drawn by a linear congruence, as they were packed.</summary>
    private static byte[] Text()
    {
        string[] words = ["砚台", "ink", "stone", "磨", "paper", "brush", "笔", "墨", "纸", "the", "of", "and"];
        uint x = 12345;
        return Encoding.UTF8.GetBytes(string.Join(' ', Enumerable.Range(0, 400).Select(_ => words[((x = (x * 1103515245 + 12345) & 0x7FFFFFFF) >> 16) % 12])));
    }
}
