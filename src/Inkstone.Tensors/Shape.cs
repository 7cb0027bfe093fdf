using System.Runtime.CompilerServices;

namespace Inkstone.Tensors;

/// <summary>Sizes of a tensor, at most four, row-major and always contiguous.</summary>
/// <remarks>A value type without an array, so that shapes cost no managed memory: <c>Shape s = new(B, T, C)</c>.</remarks>
public readonly record struct Shape
{
    private readonly int _d0,
        _d1,
        _d2,
        _d3;

    /// <summary>A vector of <paramref name="d0"/> elements.</summary>
    public Shape(int d0)
        : this(1, d0, 1, 1, 1) { }

    /// <summary>A matrix.</summary>
    public Shape(int d0, int d1)
        : this(2, d0, d1, 1, 1) { }

    /// <summary>A stack of matrices.</summary>
    public Shape(int d0, int d1, int d2)
        : this(3, d0, d1, d2, 1) { }

    /// <summary>Four sizes, e.g. [B, T, H, D].</summary>
    public Shape(int d0, int d1, int d2, int d3)
        : this(4, d0, d1, d2, d3) { }

    private Shape(int rank, int d0, int d1, int d2, int d3)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(d0);
        ArgumentOutOfRangeException.ThrowIfNegative(d1);
        ArgumentOutOfRangeException.ThrowIfNegative(d2);
        ArgumentOutOfRangeException.ThrowIfNegative(d3);
        (Rank, _d0, _d1, _d2, _d3) = (rank, d0, d1, d2, d3);
        Count = checked((long)d0 * d1 * d2 * d3);
    }

    /// <summary>A shape from a list of sizes (0 to 4 of them).</summary>
    public static Shape Create(ReadOnlySpan<long> sizes) =>
        sizes.Length switch
        {
            0 => new(1),
            1 => new(checked((int)sizes[0])),
            2 => new(checked((int)sizes[0]), checked((int)sizes[1])),
            3 => new(checked((int)sizes[0]), checked((int)sizes[1]), checked((int)sizes[2])),
            4 => new(checked((int)sizes[0]), checked((int)sizes[1]), checked((int)sizes[2]), checked((int)sizes[3])),
            _ => throw new ArgumentException($"a tensor has at most 4 dimensions here, this one has {sizes.Length}", nameof(sizes)),
        };

    /// <summary>Number of dimensions, 1 to 4.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>Size of the last dimension.</summary>
    public int Last => this[Rank - 1];

    /// <summary>Product of all dimensions but the last.</summary>
    public int Rows => Last == 0 ? 0 : checked((int)(Count / Last));

    /// <summary>Size of one dimension.</summary>
    public int this[int dimension]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get =>
            (uint)dimension >= (uint)Rank
                ? throw new ArgumentOutOfRangeException(nameof(dimension))
                : dimension switch
                {
                    0 => _d0,
                    1 => _d1,
                    2 => _d2,
                    _ => _d3,
                };
    }

    /// <summary>The same shape with another last dimension.</summary>
    public Shape WithLast(int last) =>
        Rank switch
        {
            1 => new(last),
            2 => new(_d0, last),
            3 => new(_d0, _d1, last),
            _ => new(_d0, _d1, _d2, last),
        };

    /// <inheritdoc/>
    public override string ToString() =>
        Rank switch
        {
            1 => $"[{_d0}]",
            2 => $"[{_d0}, {_d1}]",
            3 => $"[{_d0}, {_d1}, {_d2}]",
            _ => $"[{_d0}, {_d1}, {_d2}, {_d3}]",
        };
}
