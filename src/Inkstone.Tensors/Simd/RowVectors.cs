using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>How 16 lanes are read and written: all of them, or those that a row has left. A loop's body is written once and compiled for
/// both.</summary>
internal unsafe interface IRowVector
{
    /// <summary>16 floats, zeros for those that are not there.</summary>
    Vector512<float> Load(float* p);

    /// <summary>Writes the floats that are there.</summary>
    void Store(Vector512<float> value, float* p);
}

/// <summary>A vector inside a row.</summary>
internal readonly unsafe struct WholeVector : IRowVector
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Load(float* p) => Vector512.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(Vector512<float> value, float* p) => value.Store(p);
}

/// <summary>The end of a row: 1 to 15 floats.</summary>
internal readonly unsafe struct LastVector(int count) : IRowVector
{
    public Vector512<float> Load(float* p) => Lanes.LoadPart(p, count);

    public void Store(Vector512<float> value, float* p) => Lanes.StorePart(value, p, count);
}
