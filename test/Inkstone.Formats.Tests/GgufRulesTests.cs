using Inkstone.Formats;

namespace Inkstone.Formats.Tests;

/// <summary>Each rule of the format, broken once.</summary>
public sealed class GgufRulesTests : IDisposable
{
    private const ulong Huge = 1UL << 62;
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string, Func<byte[]>> Broken =>
        new()
        {
            { "magic", () => GgufBytes.Head(magic: 0x46554748).ToArray() },
            { "truncated", () => [] },
            { "truncated", () => "GGUF"u8.ToArray() },
            { "version", () => GgufBytes.Head(version: 0).ToArray() },
            { "version", () => GgufBytes.Head(version: 1).ToArray() },
            { "version", () => GgufBytes.Head(version: 4).ToArray() },
            { "big-endian", () => GgufBytes.Head(version: 3 << 24).ToArray() },
            { "count", () => GgufBytes.Head(tensors: ulong.MaxValue).ToArray() },
            { "count", () => GgufBytes.Head(tensors: 1).ToArray() },
            { "count", () => GgufBytes.Head(pairs: ulong.MaxValue).ToArray() },
            { "count", () => GgufBytes.Head(pairs: Huge).Pair("a", 0, (byte)1).ToArray() },
            { "count", () => GgufBytes.Head(pairs: 1).Text("general.architecture", ulong.MaxValue).Number(0u).ToArray() },
            { "count", () => GgufBytes.Head(pairs: 1).Text("general.architecture", 1000).Number(0u).ToArray() },
            { "length", () => GgufBytes.Head(pairs: 1).Text(new string('a', 65_536)).Number(0u).Number(0).ToArray() },
            { "empty key", () => GgufBytes.Head(pairs: 1).Text("").Number(0u).Number(0L).ToArray() },
            { "value type", () => GgufBytes.Head(pairs: 1).Pair("a", 13, 0L).ToArray() },
            { "value type", () => GgufBytes.Head(pairs: 1).Pair("a", uint.MaxValue, 0L).ToArray() },
            { "value type", () => GgufBytes.Head(pairs: 1).Text("a").Number(9u).Number(13u).Number(0L).ToArray() },
            { "nested array", () => GgufBytes.Head(pairs: 1).Text("a").Number(9u).Number(9u).Number(1L).Number(9u).Number(1L).ToArray() },
            { "count", () => GgufBytes.Head(pairs: 1).Text("a").Number(9u).Number(4u).Number(Huge).ToArray() },
            { "count", () => GgufBytes.Head(pairs: 1).Text("a").Number(9u).Number(8u).Number(3L).Text("x").Text("y").ToArray() },
            { "count", () => GgufBytes.Head(pairs: 1).Text("a").Number(8u).Number(1UL << 31).ToArray() },
            { "truncated", () => GgufBytes.Head(pairs: 1).Pair("aaaa", 10, 0).ToArray() },
            { "duplicate key", () => GgufBytes.Head(pairs: 2).Pair("a", 4, 1u).Pair("a", 4, 1u).ToArray() },
            { "alignment", () => GgufBytes.Head(pairs: 1).Pair("general.alignment", 4, 13u).ToArray() },
            { "alignment", () => GgufBytes.Head(pairs: 1).Pair("general.alignment", 4, 0u).ToArray() },
            { "alignment", () => GgufBytes.Head(pairs: 1).Pair("general.alignment", 10, 32UL).ToArray() },
            { "length", () => GgufBytes.Head(tensors: 1).Tensor(new string('n', 65), 0, 0, 4).Data(16).ToArray() },
            { "count", () => GgufBytes.Head(tensors: 1).Text("n", Huge).Number(1u).Number(4L).Number(0u).Number(0L).ToArray() },
            { "dimensions", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 1, 1, 1, 1, 1).Data(4).ToArray() },
            { "dimensions", () => GgufBytes.Head(tensors: 1).Text("a").Number(uint.MaxValue).Number(0L).Number(0L).Number(0L).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, ulong.MaxValue).Data(4).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 1UL << 32, 1UL << 31).Data(4).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 1UL << 32, 0, 1UL << 31).Data(4).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, Huge).Data(4).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 1UL << 31, 1UL << 30).Data(4).ToArray() },
            { "size overflow", () => GgufBytes.Head(tensors: 1).Tensor("a", 99, 0, 1UL << 32, 1UL << 31).Data(4).ToArray() },
            { "offset", () => GgufBytes.Head(tensors: 2).Tensor("a", 99, 0, 32).Tensor("b", 0, 40, 4).Data(64).ToArray() },
            { "truncated", () => GgufBytes.Head(tensors: 2).Tensor("a", 99, 0, 32).Tensor("b", 0, 64, 4).Data(64).ToArray() },
            { "block size", () => GgufBytes.Head(tensors: 1).Tensor("a", 8, 0, 16, 2).Data(34).ToArray() },
            { "offset", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 16, 4).Data(64).ToArray() },
            { "offset", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, ulong.MaxValue, 4).Data(64).ToArray() },
            { "offset", () => GgufBytes.Head(tensors: 2).Tensor("a", 0, 0, 4).Tensor("b", 0, 16, 4).Data(64).ToArray() },
            {
                "offset",
                () =>
                    GgufBytes
                        .Head(tensors: 2, pairs: 1)
                        .Pair("general.alignment", 4, 64u)
                        .Tensor("a", 0, 0, 4)
                        .Tensor("b", 0, 32, 4)
                        .Data(256)
                        .ToArray()
            },
            { "duplicate tensor", () => GgufBytes.Head(tensors: 2).Tensor("a", 0, 0, 4).Tensor("a", 0, 32, 4).Data(64).ToArray() },
            { "truncated", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 4).Data(15).ToArray() },
            { "truncated", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 4, 4, 4).Data(64).ToArray() },
            { "truncated", () => GgufBytes.Head(tensors: 1).Tensor("a", 0, 0, 4).ToArray() },
        };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_rule_is_named(string rule, Func<byte[]> bytes) =>
        Should.Throw<InvalidDataException>(() => Open(bytes()).Dispose()).Message.ShouldContain(rule);

    [Fact]
    public void Valid_files_are_read()
    {
        byte[] bytes = GgufBytes
            .Head(tensors: 3, pairs: 4)
            .Pair("general.alignment", 4, 64u)
            .Pair("x.y", 6, 0.1f)
            .Pair("flag", 7, (byte)1)
            .Text("list")
            .Number(9u)
            .Number(8u)
            .Number(2L)
            .Text("砚")
            .Text("")
            .Tensor("empty", 0, 0, 3, 0)
            .Tensor("scalar", 0, 0)
            .Tensor("m", 8, 64, 32, 2)
            .Data(64 + 68, 64)
            .ToArray();
        using GgufFile file = Open(bytes);
        file.Metadata.Number("x.y").ShouldBe(0.1);
        file.Metadata.Bool("flag", false).ShouldBeTrue();
        file.Metadata.Texts("list").ShouldBe(["砚", ""]);
        file.Tensor("m").Shape.ShouldBe([2, 32]);
        file.Tensor("empty").ByteCount.ShouldBe(0);
        file.Tensor("scalar").Count.ShouldBe(1);
        Should.Throw<InvalidDataException>(() => file.Rows(file.Tensor("m"), 1, 2)).Message.ShouldContain("past its end");
        file.Rows(file.Tensor("m"), 1, 1).Length.ShouldBe(34);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    [InlineData(4u)]
    public void Small_alignments_are_kept(uint alignment)
    {
        byte[] bytes = GgufBytes
            .Head(tensors: 2, pairs: 1)
            .Pair("general.alignment", 4, alignment)
            .Tensor("q", 8, 0, 32)
            .Tensor("f", 0, alignment == 4 ? 36UL : 34UL, 1)
            .Data(0, (int)alignment)
            .ToArray();
        byte[] data = new byte[(alignment == 4 ? 36 : 34) + 4];
        BitConverter.TryWriteBytes(data.AsSpan(data.Length - 4), 1.5f);
        using GgufFile file = Open([.. bytes, .. data]);
        float[] value = new float[1];
        file.Read("f", value);
        value.ShouldBe([1.5f]);
    }

    [Theory]
    [InlineData(4u)] // a type that llama.cpp has removed
    [InlineData(99u)]
    [InlineData(uint.MaxValue)]
    public void A_tensor_of_an_unknown_type_hinders_no_other(uint type)
    {
        byte[] head = GgufBytes.Head(tensors: 2).Tensor("odd", type, 0, 33).Tensor("f", 0, 64, 1).Data(0).ToArray();
        byte[] data = new byte[68];
        BitConverter.TryWriteBytes(data.AsSpan(64), 1.5f);
        using GgufFile file = Open([.. head, .. data]);
        float[] value = new float[1];
        file.Read("f", value);
        value.ShouldBe([1.5f]);
        Should.Throw<InvalidDataException>(() => file.Read("odd", new float[33])).Message.ShouldContain("\"odd\" has the type");
    }

    [Fact]
    public void A_value_of_another_kind_is_named()
    {
        using GgufFile file = Open(GgufBytes.Head(pairs: 1).Pair("n", 6, 0.5f).ToArray());
        Should.Throw<InvalidDataException>(() => file.Metadata.Int("n")).Message.ShouldContain("\"n\" must be a whole number");
        Should.Throw<InvalidDataException>(() => file.Metadata.Texts("n")).Message.ShouldContain("list of texts");
    }

    private GgufFile Open(byte[] bytes)
    {
        string path = _directory["x.gguf"];
        File.WriteAllBytes(path, bytes);
        return GgufFile.Open(path);
    }
}
