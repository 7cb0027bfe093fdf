using System.Text;

namespace Inkstone.Formats.Tests;

/// <summary>GGUF files written byte by byte, right or wrong in one place.</summary>
internal sealed class GgufBytes
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public static GgufBytes Head(uint magic = 0x46554747, uint version = 3, ulong tensors = 0, ulong pairs = 0) =>
        new GgufBytes().Number(magic).Number(version).Number(tensors).Number(pairs);

    public GgufBytes Number<T>(T value)
        where T : unmanaged
    {
        _bytes.AddRange(System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return this;
    }

    public GgufBytes Text(string text, ulong? length = null)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Number(length ?? (ulong)bytes.Length);
        _bytes.AddRange(bytes);
        return this;
    }

    public GgufBytes Pair<T>(string key, uint type, T value)
        where T : unmanaged => Text(key).Number(type).Number(value);

    public GgufBytes Tensor(string name, uint type, ulong offset, params ulong[] sizes)
    {
        Text(name).Number((uint)sizes.Length);
        foreach (ulong size in sizes)
        {
            Number(size);
        }
        return Number(type).Number(offset);
    }

    /// <summary>Zeros up to a multiple of <paramref name="alignment"/>, then <paramref name="bytes"/> more of them.</summary>
    public GgufBytes Data(int bytes, int alignment = 32)
    {
        int padding = (alignment - _bytes.Count % alignment) % alignment;
        _bytes.AddRange(new byte[padding + bytes]);
        return this;
    }
}
