namespace Inkstone.Tensors.Tests;

/// <summary>What may be done with a place in memory.</summary>
[Flags]
internal enum Access
{
    Read = 1,
    Write = 2,

    /// <summary>A hint; it needs no memory.</summary>
    Prefetch = 4,
}

/// <summary>The memory that a function was told of: everything else is forbidden to it, the gaps between rows too.</summary>
internal sealed unsafe class CheckedMemory
{
    private readonly List<Region> _regions = [];

    /// <summary>Allows <paramref name="rows"/> rows of <paramref name="bytes"/> bytes, <paramref name="stride"/> bytes apart.</summary>
    public CheckedMemory Allow(string name, void* start, long bytes, Access access, long rows = 1, long stride = 0)
    {
        _regions.Add(new Region(name, (long)start, bytes, access, rows, stride));
        return this;
    }

    /// <summary>The address, once it is known that all its bytes lie in one row of a region that allows the access.</summary>
    public byte* Check(long address, int bytes, Access access) =>
        _regions.Exists(region => region.Holds(address, bytes, access))
            ? (byte*)address
            : throw new InvalidOperationException(
                $"may not {access} {bytes} bytes at " + string.Join(", ", _regions.Select(r => $"{r.Name} {address - r.Start:+0;-0}"))
            );

    private sealed record Region(string Name, long Start, long Bytes, Access Access, long Rows, long Stride)
    {
        public bool Holds(long address, int bytes, Access access)
        {
            if (!Access.HasFlag(access))
            {
                return false;
            }
            for (long row = 0; row < Rows; row++)
            {
                long at = address - Start - row * Stride;
                if (at >= 0 && at + bytes <= Bytes)
                {
                    return true;
                }
            }
            return false;
        }
    }
}
