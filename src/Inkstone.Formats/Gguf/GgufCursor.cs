using System.Runtime.InteropServices;
using System.Text;

namespace Inkstone.Formats;

/// <summary>Walks through the head of a GGUF file and never past its end: each count is held against the bytes that are left before
/// anything is allocated.</summary>
internal ref struct GgufCursor(ReadOnlySpan<byte> bytes, string file)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Position { get; private set; }

    public readonly int Left => _bytes.Length - Position;

    public T Read<T>(string what)
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>();
        T value = MemoryMarshal.Read<T>(Take(typeof(T) == typeof(bool) ? 1 : size, what));
        return value;
    }

    /// <summary>A count of things that take at least <paramref name="least"/> bytes each.</summary>
    public int Count(int least, string what)
    {
        ulong count = Read<ulong>(what);
        return count <= (ulong)(Left / least)
            ? (int)count
            : throw Invalid("count", $"{what} claims {count}, which do not fit into the {Left} bytes that are left");
    }

    public string Text(string what, int longest = int.MaxValue)
    {
        int length = Count(1, $"the length of {what}");
        return length <= longest
            ? Encoding.UTF8.GetString(Take(length, what))
            : throw Invalid("length", $"{what} has {length} bytes, at most {longest} are allowed");
    }

    public ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Left)
        {
            throw Invalid("truncated", $"the file ends inside {what}");
        }
        ReadOnlySpan<byte> taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }

    public readonly InvalidDataException Invalid(string rule, string why) => GgufHeader.Invalid(file, rule, why);
}
