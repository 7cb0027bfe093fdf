namespace Inkstone.Tensors;

/// <summary>The same random inputs on any device. Sizes are no multiples of a vector, so that the ends of rows are tried.</summary>
internal sealed class KernelInputs : IDisposable
{
    public const int Batch = 2,
        Length = 113,
        Heads = 6,
        KeyValueHeads = 2,
        HeadDim = 20,
        Width = Heads * HeadDim,
        Vocabulary = 331,
        Experts = 5,
        ExpertWidth = 23;

    private readonly List<Tensor> _tensors = [];
    private ulong _stream;

    public KernelInputs(Device device)
    {
        Device = device;
        X = Random(new Shape(Batch, Length, Width));
        Y = Random(new Shape(Batch, Length, Width));
        Keys = Random(new Shape(Batch, Length, KeyValueHeads * HeadDim));
        Values = Random(new Shape(Batch, Length, KeyValueHeads * HeadDim));
        Square = Random(new Shape(Width, Width));
        Bias = Random(new Shape(Width));
        Table = Random(new Shape(Vocabulary, Width));
        Taps = Random(new Shape(Width, 1, 4));
        Gains = Random(new Shape(HeadDim));
        Rates = Random(new Shape(2));
        Tall = Random(new Shape(Width, HeadDim));
        Flat = Random(new Shape(HeadDim, Width));
        Router = Random(new Shape(Experts, Width));
        Scores = Positive(new Shape(Batch * Length, Experts));
        Load = Positive(new Shape(Batch, Experts));
        Norms = Positive(new Shape(Width));
        Moments = Positive(new Shape(Width, Width));
        ExpertStack = Random(new Shape(Experts, ExpertWidth, Width));
        ExpertBiases = Random(new Shape(Experts, Width));
        ExpertWeights = [.. Enumerable.Range(0, Experts).Select(_ => Random(new Shape(ExpertWidth, Width)))];
        int[] ids = new int[Batch * Length],
            positions = new int[ids.Length],
            starts = new int[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            int t = i % Length;
            ids[i] = i * 37 % Vocabulary;
            starts[i] = t < 40 ? 0 : 40;
            positions[i] = t - starts[i];
        }
        Ids = Integers(ids);
        Positions = Integers(positions);
        Starts = Integers(starts);
    }

    public Device Device { get; }

    public Tensor X { get; }

    public Tensor Y { get; }

    public Tensor Keys { get; }

    public Tensor Values { get; }

    public Tensor Square { get; }

    public Tensor Bias { get; }

    public Tensor Table { get; }

    public Tensor Taps { get; }

    public Tensor Gains { get; }

    public Tensor Rates { get; }

    public Tensor Tall { get; }

    public Tensor Flat { get; }

    public Tensor Router { get; }

    public Tensor Scores { get; }

    public Tensor Load { get; }

    public Tensor Norms { get; }

    public Tensor Moments { get; }

    public Tensor ExpertStack { get; }

    public Tensor ExpertBiases { get; }

    public Tensor[] ExpertWeights { get; }

    public Tensor Ids { get; }

    public Tensor Positions { get; }

    public Tensor Starts { get; }

    /// <summary>Inputs that may get a gradient.</summary>
    public IEnumerable<Tensor> Trained => _tensors.Where(t => t.RequiresGrad);

    /// <summary>The experts that <see cref="Scores"/> choose.</summary>
    public ExpertRouting Route() => Ops.RouteExperts(Scores, null, new RoutingRule(2));

    /// <summary>A copy for ops that work in place.</summary>
    public Tensor Copy(Tensor x)
    {
        Tensor copy = Device.Rent(x.Shape);
        x.Span.CopyTo(copy.Span);
        return copy;
    }

    public void Dispose() => _tensors.ForEach(t => t.Dispose());

    private Tensor Integers(int[] values)
    {
        Tensor tensor = Tensor.From(Device, new Shape(Batch, Length), values);
        _tensors.Add(tensor);
        return tensor;
    }

    /// <summary>All tokens as one row, as caches take them.</summary>
    public static Tensor Row(Tensor x) => x.View(new Shape(1, Batch * Length, x.Shape.Last));

    /// <summary>int32 [n].</summary>
    public Tensor Places(params ReadOnlySpan<int> values) => Device.Rent(new Shape(values.Length), values);

    /// <summary>Both sequences from their first token.</summary>
    public RaggedRows Whole() => new(Places(0, Length, 2 * Length), Places(0, 0), Places(1, 0));

    /// <summary>The first from its token 40 on, all of the second.</summary>
    public RaggedRows Continued() => new(Places(0, Length - 40, 2 * Length - 40), Places(40, 0), Places(1, 0));

    /// <summary>The queries of <see cref="Continued"/>.</summary>
    public Tensor Queries() => Ops.RowWindow(Row(X), 40, 2 * Length - 40);

    /// <summary>Blocks of both sequences, in no order.</summary>
    public Tensor Tables() => Places(3, 9, 14, 1, 0, 8, 5, 12, 2, 4, 15, 7, 6, 13, 11, 10).View(new Shape(2, 8));

    public Tensor CachedKeys()
    {
        Tensor store = Zeros(new Shape(16, Keys.Shape.Last, RaggedRows.BlockTokens));
        Ops.StoreKeys(Row(Keys), store, Whole(), Tables());
        return store;
    }

    public Tensor CachedRows(Tensor values)
    {
        Tensor store = Zeros(new Shape(16 * RaggedRows.BlockTokens, values.Shape.Last));
        Ops.StoreRows(Row(values), store, Whole(), Tables());
        return store;
    }

    public Tensor Zeros(Shape shape)
    {
        Tensor zeros = Device.Rent(shape);
        Ops.Fill(zeros, 0);
        return zeros;
    }

    private Tensor Random(Shape shape)
    {
        Tensor tensor = Tensor.Allocate(Device, shape, DType.Float32, requiresGrad: true);
        new PhiloxRandom(7, _stream++).FillNormal(tensor.Span, 1);
        _tensors.Add(tensor);
        return tensor;
    }

    private Tensor Positive(Shape shape)
    {
        Tensor tensor = Random(shape);
        foreach (ref float value in tensor.Span)
        {
            value = MathF.Exp(value);
        }
        return tensor;
    }
}
