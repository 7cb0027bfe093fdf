using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>
/// A contiguous row-major array in native memory on a <see cref="Device"/>.
/// Parameters own their memory until disposed; results of <see cref="Ops"/> live in the device's arena until the step ends.
/// </summary>
public sealed unsafe partial class Tensor : IDisposable
{
    private NativeBlock? _block;
    private Tensor? _viewOf;
    private bool _owned;
    private bool _gradIsSet;
    private byte* _pointer;

    internal Tensor(Device device) => Device = device;

    /// <summary>Where the tensor lives and where its ops run.</summary>
    public Device Device { get; }

    /// <summary>Sizes.</summary>
    public Shape Shape { get; private set; }

    /// <summary>Element type.</summary>
    public DType DType { get; private set; }

    /// <summary>True for parameters that are trained and for everything computed from them while the tape records.</summary>
    public bool RequiresGrad { get; internal set; }

    /// <summary>
    /// Whether the gradient of this result may arrive in bfloat16: the op that made it spends the gradient on products, which would round
    /// it anyway.
    /// </summary>
    internal bool HasCompactGrad { get; set; }

    /// <summary>Gradient of the loss by this tensor (same shape; float32, or bfloat16 where <see cref="HasCompactGrad"/>), or null where
    /// none has arrived.</summary>
    public Tensor? Grad =>
        _viewOf is { } source ? source.Grad?.View(Shape)
        : _gradIsSet ? GradStorage
        : null;

    /// <summary>The tensor whose memory and gradient these are: another one where this is a view.</summary>
    internal Tensor Source => _viewOf ?? this;

    /// <summary>The flat buffers in which this parameter lies, or null.</summary>
    internal ParameterArena? Arena { get; private set; }

    /// <summary>Whether it can be moved into an arena: a trained float32 parameter that owns its memory.</summary>
    internal bool CanMove => _owned && _block is not null && RequiresGrad && DType == DType.Float32 && Count > 0;

    /// <summary>Whether its gradient is whole and takes no more.</summary>
    internal bool GradIsSealed { get; set; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>The elements of a float32 tensor.</summary>
    public Span<float> Span => new(F32, checked((int)Count));

    /// <summary>The elements of an int32 tensor.</summary>
    public Span<int> Ints => new(I32, checked((int)Count));

    /// <summary>The raw elements of a bfloat16 tensor.</summary>
    public Span<ushort> BFloat16s => new(B16, checked((int)Count));

    /// <summary>The memory as bytes.</summary>
    public Span<byte> Bytes => new(Pointer, checked((int)DType.Bytes(Count)));

    /// <summary>The memory of one row as bytes; a tensor of any size may be walked through so.</summary>
    public Span<byte> RowBytes(long row)
    {
        int width = Shape.Last;
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, width == 0 ? 0 : Count / width);
        long bytes = DType.Bytes(width);
        return new Span<byte>(Pointer + row * bytes, checked((int)bytes));
    }

    /// <summary>Address of the first element. Valid until the tensor is released; sizes are the caller's to respect.</summary>
    public byte* Pointer =>
        _pointer != null
            ? _pointer
            : throw new ObjectDisposedException(
                nameof(Tensor),
                "this tensor's memory was released: its step has ended, it was freed by the backward pass, it was disposed, or it is a weight of a block that other processes hold now (distributed.zero 3)"
            );

    internal float* F32 => DType == DType.Float32 ? (float*)Pointer : throw WrongType(DType.Float32);

    internal int* I32 => DType == DType.Int32 ? (int*)Pointer : throw WrongType(DType.Int32);

    internal long* I64 => DType == DType.Int64 ? (long*)Pointer : throw WrongType(DType.Int64);

    internal ushort* B16 => DType == DType.BFloat16 ? (ushort*)Pointer : throw WrongType(DType.BFloat16);

    /// <summary>The gradient's memory, kept by parameters from step to step.</summary>
    private Tensor? GradStorage { get; set; }

    /// <summary>A tensor that owns its memory, zeroed. Dispose it, or leave it to the collector.</summary>
    public static Tensor Allocate(Device device, Shape shape, DType type = DType.Float32, bool requiresGrad = false)
    {
        if (type.IsQuantised() && (shape.Last % DTypes.BlockElements != 0 || requiresGrad))
        {
            throw new ArgumentException(
                $"{type} holds rows of a multiple of {DTypes.BlockElements} that are not trained, not {shape}",
                nameof(type)
            );
        }
        Tensor tensor = new(device) { _owned = true };
        tensor.Attach(new NativeBlock(type.Bytes(shape.Count)), shape, type);
        NativeMemory.Clear(tensor._pointer, (nuint)(type.Bytes(shape.Count)));
        tensor.RequiresGrad = requiresGrad;
        return tensor;
    }

    /// <summary>A tensor that owns its memory, with undefined contents: the machine gives each page when it is first written. For memory
    /// that is planned and perhaps never used.</summary>
    public static Tensor Reserve(Device device, Shape shape, DType type = DType.Float32)
    {
        Tensor tensor = new(device) { _owned = true };
        tensor.Attach(new NativeBlock(type.Bytes(shape.Count)), shape, type);
        return tensor;
    }

    /// <summary>A tensor of which only type and sizes exist; reading it throws. For what a model would need before it is loaded.</summary>
    public static Tensor WithoutMemory(Device device, Shape shape, DType type = DType.Float32) =>
        new(device) { Shape = shape, DType = type };

    /// <summary>A tensor that owns its memory, with the given values.</summary>
    public static Tensor From(Device device, Shape shape, ReadOnlySpan<float> values, bool requiresGrad = false)
    {
        Tensor tensor = Allocate(device, shape, DType.Float32, requiresGrad);
        values.CopyTo(tensor.Span);
        return tensor;
    }

    /// <summary>An int32 tensor that owns its memory, with the given values.</summary>
    public static Tensor From(Device device, Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = Allocate(device, shape, DType.Int32);
        values.CopyTo(tensor.Ints);
        return tensor;
    }

    /// <summary>A tensor over memory that someone else owns and keeps while the tensor is used; for tests of kernels at the end of a
    /// page.</summary>
    internal static Tensor Wrap(Device device, byte* pointer, Shape shape, DType type = DType.Float32) =>
        new(device)
        {
            _owned = true,
            _pointer = pointer,
            Shape = shape,
            DType = type,
        };

    /// <summary>A part of a float32 tensor from element <paramref name="start"/> on; valid as long as that is.</summary>
    internal static Tensor Part(Tensor whole, long start, Shape shape) =>
        new(whole.Device)
        {
            _owned = true,
            _pointer = (byte*)(whole.F32 + start),
            Shape = shape,
            DType = DType.Float32,
        };

    /// <summary>A part of a parameter with the same part of its gradient, which is always defined.</summary>
    internal static Tensor Segment(Tensor weights, Tensor gradients, long start, Shape shape)
    {
        Tensor part = Part(weights, start, shape);
        (part.GradStorage, part._gradIsSet) = (Part(gradients, start, shape), true);
        return part;
    }

    /// <summary>Defines a gradient whose memory is there, or forgets it.</summary>
    internal void DefineGrad(bool defined) => _gradIsSet = defined && GradStorage is not null;

    /// <summary>Moves values and gradient of a parameter into parts of an arena's buffers, and frees the memory it had.</summary>
    internal void MoveTo(ParameterArena arena, Tensor place, Tensor gradient)
    {
        NativeMemory.Copy(_pointer, place._pointer, (nuint)DType.Bytes(Count));
        if (_gradIsSet)
        {
            NativeMemory.Copy(GradStorage!._pointer, gradient._pointer, (nuint)DType.Bytes(Count));
        }
        GradStorage?.Dispose();
        _block!.Dispose();
        _pointer = place._pointer;
        (_block, GradStorage, Arena) = (null, gradient, arena);
    }

    /// <summary>The same elements in another shape; shares memory and gradient.</summary>
    public Tensor View(Shape shape) =>
        shape == Shape ? this
        : shape.Count == Count ? Device.Arena.RentView(Source, shape)
        : throw new ArgumentException($"a tensor of {Shape} cannot be viewed as {shape}", nameof(shape));

    /// <summary>Hides the elements of a parameter of an arena, so that reading it throws, or shows them at their place again.</summary>
    internal void ShowAt(Tensor? place) => _pointer = place is null ? null : place._pointer;

    /// <summary>The memory that this tensor owns.</summary>
    internal NativeBlock? Block => _block;

    /// <summary>The single value of a one-element tensor.</summary>
    public float Item() =>
        Count == 1 ? F32[0] : throw new InvalidOperationException($"only a tensor of one element is a number, this one is {Shape}");

    /// <summary>Fills one part of the first dimension with zeros.</summary>
    public void ClearPart(int index) => Part(index).Clear();

    /// <summary>Copies one part of the first dimension over another.</summary>
    public void CopyPart(int from, int to) => Part(from).CopyTo(Part(to));

    private Span<byte> Part(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Shape[0]);
        long bytes = DType.Bytes(Count / Shape[0]);
        return new Span<byte>(Pointer + index * bytes, checked((int)bytes));
    }

    /// <summary>Chooses whether a parameter is trained. Quantised weights never are.</summary>
    public void SetRequiresGrad(bool value) =>
        RequiresGrad = !value || !DType.IsQuantised() ? value : throw new InvalidOperationException($"a {DType} weight cannot be trained");

    /// <summary>Forgets the gradient. A parameter keeps the memory; the next contribution overwrites it.</summary>
    public void ZeroGrad() => _gradIsSet = false;

    /// <summary>
    /// Memory for one more contribution to the gradient: add to it when <paramref name="accumulate"/> is true, overwrite it when false.
    /// </summary>
    internal Tensor AddGrad(out bool accumulate)
    {
        if (_viewOf is { } source)
        {
            return source.AddGrad(out accumulate).View(Shape);
        }
        if (GradIsSealed)
        {
            throw new InvalidOperationException(
                $"a gradient came to a parameter of {Shape} after the part of the model that it belongs to had been gone through: it is read elsewhere too"
            );
        }
        accumulate = _gradIsSet;
        if (!_gradIsSet)
        {
            GradStorage ??= _owned ? Allocate(Device, Shape) : Device.Arena.Rent(Shape, DType.Float32);
            _gradIsSet = true;
        }
        WidenGrad();
        return GradStorage!;
    }

    /// <summary>As <see cref="AddGrad"/> for an op that can write bfloat16: a single contribution to a <see cref="HasCompactGrad"/> tensor
    /// is kept so, sums are float32.</summary>
    internal Tensor AddCompactGrad(out bool accumulate)
    {
        if (_viewOf is null && HasCompactGrad && !_gradIsSet && !_owned)
        {
            GradStorage = Device.Arena.Rent(Shape, DType.BFloat16);
            (_gradIsSet, accumulate) = (true, false);
            return GradStorage;
        }
        return AddGrad(out accumulate);
    }

    /// <summary>The gradient in float32, for ops that read nothing else.</summary>
    internal Tensor? WideGrad()
    {
        Source.WidenGrad();
        return Grad;
    }

    private void WidenGrad()
    {
        if (_gradIsSet && GradStorage is { DType: DType.BFloat16 } compact)
        {
            Tensor wide = Device.Arena.Rent(compact.Shape, DType.Float32);
            ConvertKernels.Run(compact, wide);
            compact.Release();
            GradStorage = wide;
        }
    }

    /// <summary>Takes over <paramref name="gradient"/> as this tensor's gradient when it has none yet; otherwise returns false.</summary>
    /// <remarks>A residual's gradient is the output's gradient: moving it saves a pass over memory.</remarks>
    internal bool TryMoveGrad(Tensor gradient)
    {
        Tensor target = Source;
        if (
            target._gradIsSet
            || target._owned
            || gradient._viewOf is not null
            || gradient.Shape != target.Shape
            || (gradient.DType == DType.BFloat16 && !target.HasCompactGrad)
        )
        {
            return false;
        }
        target.GradStorage = gradient;
        target._gradIsSet = true;
        return true;
    }

    /// <summary>Forgets the gradient without freeing it (it has been moved elsewhere).</summary>
    internal void ForgetGrad()
    {
        Tensor target = Source;
        target.GradStorage = null;
        target._gradIsSet = false;
    }

    internal void Attach(NativeBlock block, Shape shape, DType type)
    {
        _pointer = block.Pointer;
        (_block, Shape, DType) = (block, shape, type);
    }

    internal void AttachView(Tensor source, Shape shape, long firstByte)
    {
        _pointer = source.Pointer + firstByte;
        (_viewOf, Shape, DType) = (source, shape, source.DType);
        RequiresGrad = source.RequiresGrad;
    }

    /// <summary>Gives arena memory back before the step ends. Owned tensors and views ignore it.</summary>
    internal void Release()
    {
        if (_owned)
        {
            return;
        }
        if (_block is { } block)
        {
            Device.Arena.Return(block);
        }
        _pointer = null;
        (_block, _viewOf, GradStorage, _gradIsSet, RequiresGrad, HasCompactGrad) = (null, null, null, false, false, false);
    }

    /// <summary>
    /// Gives the memory of a result back whose elements no later op reads, while it still takes a gradient: a sum that another op has gone on
    /// adding to. Owned tensors and views ignore it.
    /// </summary>
    public void ReleaseElements()
    {
        if (!_owned && _block is { } block)
        {
            Device.Arena.Return(block);
            _pointer = null;
            _block = null;
        }
    }

    /// <summary>Frees an owned tensor and its gradient. A tensor of the arena is returned to it.</summary>
    public void Dispose()
    {
        if (_owned)
        {
            _owned = false;
            _pointer = null;
            _block?.Dispose();
            _block = null;
            GradStorage?.Dispose();
            GradStorage = null;
            _gradIsSet = false;
            Arena?.Leave();
            Arena = null;
        }
        else
        {
            Release();
        }
    }

    private InvalidOperationException WrongType(DType wanted) => new($"this op needs a {wanted} tensor, got {DType} {Shape}");
}
