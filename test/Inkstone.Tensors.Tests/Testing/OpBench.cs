namespace Inkstone.Tensors.Tests;

/// <summary>Makes the tensors of a test on guarded memory, and frees them.</summary>
internal sealed unsafe class OpBench(Device device) : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public Device Device { get; } = device;

    public Tensor Empty(Shape shape, DType type = DType.Float32)
    {
        GuardedMemory memory = new(shape.Count * type.Size());
        Tensor tensor = Tensor.Wrap(Device, memory.Pointer, shape, type);
        _owned.Add(tensor);
        _owned.Add(memory);
        return tensor;
    }

    public Tensor Float(Shape shape, ReadOnlySpan<float> values, bool requiresGrad = false)
    {
        Tensor tensor = Empty(shape);
        values.CopyTo(tensor.Span);
        tensor.SetRequiresGrad(requiresGrad);
        return tensor;
    }

    public Tensor Int(Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = Empty(shape, DType.Int32);
        values.CopyTo(tensor.Ints);
        return tensor;
    }

    public void Dispose()
    {
        foreach (IDisposable item in _owned)
        {
            item.Dispose();
        }
    }
}
