using System.Text;

namespace Inkstone.Data.Tests;

public sealed class TokenShardTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TokenShardFormat.Inkstone, 6400)]
    [InlineData(TokenShardFormat.Inkstone, 65536)]
    [InlineData(TokenShardFormat.Inkstone, 151_936)]
    [InlineData(TokenShardFormat.Npy, 6400)]
    [InlineData(TokenShardFormat.Npy, 151_936)]
    [InlineData(TokenShardFormat.Headerless, 32_004)]
    public void What_is_written_is_read_at_every_place(TokenShardFormat format, int vocabularySize)
    {
        Random random = new(vocabularySize);
        List<int> expected = [];
        using (TokenShardWriter writer = new(_folder["a.bin"], format, new ShardVocabulary(vocabularySize, 0xABCDEF, 3)))
        {
            for (int document = 0; document < 40; document++)
            {
                int[] ids = [.. Enumerable.Range(0, random.Next(0, 3000)).Select(_ => random.Next(vocabularySize)), vocabularySize - 1];
                writer.Append(ids, ids.Length * 3);
                expected.AddRange(ids);
                expected.Add(3);
            }
            writer.Complete();
        }

        using TokenShard shard = TokenShard.Open(_folder["a.bin"]);
        shard.Format.ShouldBe(format);
        shard.Count.ShouldBe(expected.Count);
        foreach ((int start, int length) in new[] { (0, expected.Count), (expected.Count - 1, 1), (7, 1), (100, 257), (5, 0) })
        {
            int[] ids = new int[length];
            shard.Read(start, ids);
            ids.ShouldBe(expected.GetRange(start, length));
        }
        shard.CheckVocabulary(vocabularySize, "model");
        Should
            .Throw<InvalidDataException>(() => shard.CheckVocabulary(vocabularySize - 1, "model"))
            .Message.ShouldContain($"{vocabularySize - 1}");
        if (format == TokenShardFormat.Inkstone)
        {
            shard.Header.ShouldBe(
                new TokenShardHeader(
                    vocabularySize <= 65536 ? 2 : 4,
                    expected.Count,
                    40,
                    (expected.Count - 40) * 3,
                    0xABCDEF,
                    vocabularySize,
                    3,
                    vocabularySize - 1
                )
            );
        }
    }

    [Fact]
    public void Headerless_files_are_bare_little_endian_uint16()
    {
        using (TokenShardWriter writer = new(_folder["b.bin"], TokenShardFormat.Headerless, new ShardVocabulary(32_004, 0, 32_001)))
        {
            writer.Append([1, 256], 2);
            writer.Complete();
        }
        File.ReadAllBytes(_folder["b.bin"]).ShouldBe(new byte[] { 1, 0, 0, 1, 0x01, 0x7D });
    }

    [Fact]
    public void Npy_files_are_what_numpy_writes()
    {
        using (TokenShardWriter writer = new(_folder["c.npy"], TokenShardFormat.Npy, new ShardVocabulary(6400, 0, 6399)))
        {
            writer.Append([1, 2], 2);
            writer.Complete();
        }
        // numpy.save of array([1, 2, 6399], uint16): 118 bytes of dictionary, spaces and a line feed after the 10-byte prefix.
        string dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }";
        byte[] expected =
        [
            0x93,
            .. "NUMPY"u8,
            1,
            0,
            118,
            0,
            .. Encoding.ASCII.GetBytes(dictionary.PadRight(117) + "\n"),
            1,
            0,
            2,
            0,
            0xFF,
            0x18,
        ];
        File.ReadAllBytes(_folder["c.npy"]).ShouldBe(expected);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Later_npy_versions_are_read(byte version)
    {
        byte[] dictionary = Encoding.ASCII.GetBytes("{'descr':'<u4','fortran_order':False,'shape':(2,)}\n");
        string path = _folder.Write(
            "d.npy",
            [0x93, .. "NUMPY"u8, version, 0, (byte)dictionary.Length, 0, 0, 0, .. dictionary, 1, 0, 0, 0, 2, 0, 1, 0]
        );
        using TokenShard shard = TokenShard.Open(path);
        int[] ids = new int[2];
        shard.Read(0, ids);
        ids.ShouldBe([1, 65538]);
    }

    [Fact]
    public void Every_truncation_and_every_lying_count_is_named()
    {
        using (TokenShardWriter writer = new(_folder["e.bin"], TokenShardFormat.Inkstone, new ShardVocabulary(100, 1, 0)))
        {
            writer.Append([1, 2, 3], 3);
            writer.Complete();
        }
        byte[] whole = File.ReadAllBytes(_folder["e.bin"]);
        for (int length = 8; length < whole.Length; length++)
        {
            Refused(whole[..length]);
        }
        foreach (int offset in new[] { 8, 12, 16, 23, 24, 39, 51, 55, 57 })
        {
            byte[] changed = [.. whole];
            changed[offset] ^= 0x85;
            Refused(changed);
        }

        void Refused(byte[] bytes) =>
            Should.Throw<InvalidDataException>(() => TokenShard.Open(_folder.Write("cut.bin", bytes))).Message.ShouldContain("cut.bin");
    }

    [Fact]
    public void Arrays_that_hold_no_list_of_ids_are_refused()
    {
        Refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, "<f4");
        Refused("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2), }", 4, "one-dimensional");
        Refused("{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", 4, "3 ids");

        void Refused(string dictionary, int dataBytes, string named)
        {
            string path = _folder.Write(
                "f.npy",
                [0x93, .. "NUMPY"u8, 1, 0, (byte)dictionary.Length, 0, .. Encoding.ASCII.GetBytes(dictionary), .. new byte[dataBytes]]
            );
            Should.Throw<InvalidDataException>(() => TokenShard.Open(path)).Message.ShouldContain(named);
        }
    }

    [Fact]
    public void An_unfinished_shard_leaves_nothing()
    {
        using (TokenShardWriter writer = new(_folder["g.bin"], TokenShardFormat.Inkstone, new ShardVocabulary(100, 1, 0)))
        {
            writer.Append([1], 1);
            Should.Throw<InvalidDataException>(() => writer.Append([100], 1)).Message.ShouldContain("100");
        }
        Directory.GetFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public void A_wrong_vocabulary_names_both_sides()
    {
        using (TokenShardWriter writer = new(_folder["h.bin"], TokenShardFormat.Inkstone, new ShardVocabulary(100, 0xAA, 0)))
        {
            writer.Append([1], 1);
            writer.Complete();
        }
        using TokenShard shard = TokenShard.Open(_folder["h.bin"]);
        shard.CheckVocabulary(100, 0xAA, "tokenizer.json");
        string message = Should.Throw<InvalidDataException>(() => shard.CheckVocabulary(100, 0xBB, "tokenizer.json")).Message;
        message.ShouldContain("00000000000000aa");
        message.ShouldContain("00000000000000bb");
        message.ShouldContain("tokenizer.json");
    }
}
