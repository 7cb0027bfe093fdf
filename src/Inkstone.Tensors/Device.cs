namespace Inkstone.Tensors;

/// <summary>
/// A CPU as a place for tensors: its worker threads, the arena of the running step, the tape, and the kernels chosen for its instruction
/// set.
/// One thread at a time computes on a device.
/// </summary>
public sealed class Device : IDisposable
{
    private DType _matMulType;
    private bool _inStep;

    /// <summary>Opens the CPU.</summary>
    /// <param name="threads">Number of computing threads, the caller included; 0 means one per available core.</param>
    /// <param name="isa">Highest instruction-set level to use; null means the best that the CPU and <c>INK_ISA</c> allow.</param>
    /// <param name="matMulType">Type in which matrix products multiply: float32, or bfloat16 with float32 sums.</param>
    /// <param name="firstProcessor">Of the processors that the process may use, the first that threads are pinned to.</param>
    public Device(int threads = 0, Isa? isa = null, DType matMulType = DType.Float32, int firstProcessor = 0)
    {
        Isa best = CpuFeatures.Best();
        Isa =
            isa is { } wanted && wanted < best ? wanted
            : isa is null || isa == best ? best
            : CpuFeatures.Levels().Contains(isa.Value) ? isa.Value
            : throw new ArgumentException($"this CPU has no {isa} level; its best is {best}", nameof(isa));
        MatMulType = matMulType;
        Workers = new Workers(threads > 0 ? threads : Environment.ProcessorCount, firstProcessor);
        Arena = new Arena(this);
        Tape = new Tape();
    }

    /// <summary>Instruction-set level in use.</summary>
    public Isa Isa { get; }

    /// <summary>Type in which matrix products multiply. Sums are always float32.</summary>
    public DType MatMulType
    {
        get => _matMulType;
        set => (_matMulType, MatMulKernel) = (value, value == DType.BFloat16 ? MicroKernel.BFloat16(Isa) : MicroKernel.Float32(Isa));
    }

    /// <summary>Whether a step that does not train multiplies quantised weights in 8 bits; else they are widened to
    /// <see cref="MatMulType"/>, as in training.</summary>
    public bool Int8Products { get; set; } = true;

    /// <summary>Name of the micro-kernel that matrix products run on.</summary>
    public string MatMulKernelName => MatMulKernel.Name;

    /// <summary>Tests put kernels here that this CPU would not choose.</summary>
    internal MicroKernel MatMulKernel { get; set; } = null!;

    /// <summary>
    /// Type of results that only products and elementwise ops read in a recorded step. Products of bfloat16 round such operands anyway;
    /// on units that multiply float32 they are widened while they are packed. Half of the memory and of the traffic.
    /// </summary>
    internal DType CompactType => Tape.Training ? MatMulType : DType.Float32;

    /// <summary>The threads.</summary>
    public Workers Workers { get; }

    /// <summary>Memory of the running step.</summary>
    public Arena Arena { get; }

    /// <summary>The tape of the running step.</summary>
    public Tape Tape { get; }

    /// <summary>Where ops report their time, or null.</summary>
    public Profile? Profile { get; set; }

    /// <summary>
    /// Opens a step: ops rent from the arena until the returned scope is disposed, which takes every result back.
    /// With <paramref name="record"/> they are also written on the tape.
    /// </summary>
    /// <exception cref="InvalidOperationException">A step is open already: its end would take the memory of both.</exception>
    public StepScope Step(bool record = false)
    {
        if (_inStep)
        {
            throw new InvalidOperationException(
                "a step is open on this device already; end it before the next one begins, or work inside it"
            );
        }
        (_inStep, Tape.Recording) = (true, record);
        return new StepScope(this);
    }

    /// <summary>A tensor of the running step with undefined contents.</summary>
    public Tensor Rent(Shape shape, DType type = DType.Float32) => Arena.Rent(shape, type);

    /// <summary>A result that is kept in <see cref="CompactType"/> when <paramref name="compact"/> is set.</summary>
    internal Tensor RentResult(Shape shape, bool compact)
    {
        Tensor result = Rent(shape, compact ? CompactType : DType.Float32);
        result.HasCompactGrad = result.DType == DType.BFloat16;
        return result;
    }

    /// <summary>An int32 tensor of the running step with the given values.</summary>
    public Tensor Rent(Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = Arena.Rent(shape, DType.Int32);
        values.CopyTo(tensor.Ints);
        return tensor;
    }

    internal void EndStep()
    {
        Tape.Recording = false;
        Tape.Clear();
        Arena.Reset();
        _inStep = false;
    }

    internal void Run<TKernel>(TKernel kernel, int count, int grain)
        where TKernel : struct, IRangeKernel => Workers.For(ref kernel, count, grain);

    /// <inheritdoc/>
    public void Dispose()
    {
        Arena.Dispose();
        Workers.Dispose();
    }
}

/// <summary>Ends a step when disposed.</summary>
public readonly ref struct StepScope(Device device)
{
    /// <summary>Clears the tape and takes the step's memory back.</summary>
    public void Dispose() => device.EndStep();
}
