using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>
/// A place in the state dict. Layers ask it for parameters by name; whether these are random or loaded, and in which type they lie, is
/// decided at the root.
/// </summary>
/// <remarks><c>scope["model"]["layers"][3]["mlp"]</c> is the place <c>model.layers.3.mlp</c>.</remarks>
public sealed class Scope
{
    private const int NamesInMessage = 2;

    private readonly Root _root;

    private Scope(Root root, string path) => (_root, Path) = (root, path);

    /// <summary>The root of a state dict.</summary>
    /// <param name="device">where parameters live</param>
    /// <param name="source">where their values come from</param>
    /// <param name="matrixType">type in which matrices lie; bfloat16 halves memory where nothing is trained</param>
    /// <param name="trained">whether parameters want gradients</param>
    /// <param name="adapter">a low-rank adapter that linear layers wear, or null; parameters are then frozen</param>
    public Scope(Device device, IParameterSource source, DType matrixType = DType.Float32, bool trained = true, Adapter? adapter = null)
        : this(new Root(device, source, matrixType, trained && adapter is null, adapter), "") { }

    /// <summary>Dotted HF name of the place; empty at the root.</summary>
    public string Path { get; }

    /// <summary>Where parameters live.</summary>
    public Device Device => _root.Device;

    /// <summary>The randomness that all layers share in training.</summary>
    public TrainingRng TrainingRng => _root.TrainingRng;

    /// <summary>The low-rank adapter over all layers, or null.</summary>
    public Adapter? Adapter => _root.Adapter;

    /// <summary>An inner place.</summary>
    public Scope this[string name] => new(_root, Join(name));

    /// <summary>An inner place by number: a layer.</summary>
    public Scope this[int index] => this[index.ToString(System.Globalization.CultureInfo.InvariantCulture)];

    /// <summary>Whether the source has something of that name here; a module that is optional in a checkpoint asks before it is
    /// built.</summary>
    public bool Has(string name) => _root.Source.Has(Join(name));

    /// <summary>The parameter <paramref name="name"/> of this place.</summary>
    /// <param name="name">last part of its path</param>
    /// <param name="shape">its sizes</param>
    /// <param name="initial">what it holds when the model is new</param>
    /// <param name="learned">false for state that is kept with the weights but that no gradient reaches</param>
    public Tensor Parameter(string name, Shape shape, Initial initial, bool learned = true)
    {
        string full = Join(name);
        if (_root.Adapter?.Saved(_root.AdapterName(full), shape, _root.Device) is { } saved)
        {
            _root.Parameters.Add(new Parameter(full, saved));
            return saved;
        }
        // Biases stay exact, also where those of all experts are one tensor, and so do rates, whatever their shape.
        DType type =
            shape.Rank >= 2 && initial is not (Initial.Zeros or Initial.LogRateFromOne)
                ? _root.Source.TypeOf(full, shape, _root.MatrixType)
                : DType.Float32;
        Tensor tensor = _root.Source.Allocates
            ? Tensor.Allocate(_root.Device, shape, type, learned && _root.Trained)
            : Tensor.WithoutMemory(_root.Device, shape, type);
        _root.Parameters.Add(new Parameter(full, tensor));
        if (_root.Source.Fill(full, tensor, initial) is { } fault)
        {
            _root.Faults.Add(fault);
        }
        return tensor;
    }

    /// <summary>Whole numbers that are kept with the weights: int32 in memory, zeros where the model is new.</summary>
    /// <param name="name">last part of its path</param>
    /// <param name="shape">its sizes</param>
    public Tensor Integers(string name, Shape shape)
    {
        string full = Join(name);
        Tensor tensor = _root.Source.Allocates
            ? Tensor.Allocate(_root.Device, shape, DType.Int32)
            : Tensor.WithoutMemory(_root.Device, shape, DType.Int32);
        _root.Parameters.Add(new Parameter(full, tensor));
        if (_root.Source.IsNew || !_root.Source.Allocates)
        {
            return tensor;
        }
        if (_root.Source.Fill(full, tensor, Initial.Zeros) is { } fault)
        {
            _root.Faults.Add(fault);
        }
        return tensor;
    }

    /// <summary>Whether the model is new: what layers keep beside weights is theirs to fill.</summary>
    public bool IsNew => _root.Source.IsNew;

    /// <summary>Whether there are names and sizes alone.</summary>
    public bool IsDescribed => !_root.Source.Allocates;

    /// <summary>Notes that a tensor of this place does not fit.</summary>
    public void Fault(string fault) => _root.Faults.Add(fault);

    /// <summary>From here on adapters know places by what <paramref name="name"/> makes of their paths: transformers' names, which PEFT
    /// meets, where the checkpoint has others.</summary>
    public void NameForAdapters(Func<string, string> name) => _root.AdapterName = name;

    /// <summary>Whole numbers of 64 bits that are kept with the weights: the source's, or <paramref name="fresh"/> where the model is
    /// new.</summary>
    public long[] LongIntegers(string name, long[] fresh)
    {
        string full = Join(name);
        Shape shape = new(fresh.Length);
        Tensor tensor = _root.Source.Allocates
            ? Tensor.Allocate(_root.Device, shape, DType.Int64)
            : Tensor.WithoutMemory(_root.Device, shape, DType.Int64);
        _root.Parameters.Add(new Parameter(full, tensor));
        if (!_root.Source.Allocates)
        {
            return fresh;
        }
        tensor.CopyFrom(fresh);
        if (!_root.Source.IsNew && _root.Source.Fill(full, tensor, Initial.Zeros) is { } fault)
        {
            _root.Faults.Add(fault);
        }
        long[] values = new long[fresh.Length];
        tensor.CopyTo(values);
        return values;
    }

    /// <summary>Size of the first dimension of what the source holds under a name here; null where it holds nothing, or can make any
    /// size.</summary>
    public int? Rows(string name) => _root.Source.RowsOf(Join(name));

    /// <summary>The linear layers that were built so far.</summary>
    public IReadOnlyList<Linear> Layers => _root.Layers;

    /// <summary>What <paramref name="adapter"/> puts on the linear layer of this place, or null.</summary>
    internal Lora? LoraOn(Adapter? adapter, Tensor weight, Tensor? bias) =>
        adapter?.CreateLora(_root.AdapterName(Path), weight, bias, _root.TrainingRng);

    /// <summary>Counts a layer in, so that adapters can be put on it later.</summary>
    internal void Register(Linear layer) => _root.Layers.Add(layer);

    /// <summary>The whole state dict; an error that names every parameter that was missing, unexpected or of another shape.</summary>
    public Parameters Complete()
    {
        Check(_root.Source.Name, [.. _root.Faults, .. _root.Source.Unexpected(_root.Parameters).Select(name => $"unexpected {name}")]);
        if (_root.Adapter is { } adapter)
        {
            Check(adapter.SourceName, [.. adapter.Faults()], "the model below it");
        }
        return _root.Parameters;
    }

    private static void Check(string source, string[] faults, string other = "its configuration")
    {
        if (faults.Length > 0)
        {
            string more = faults.Length > NamesInMessage ? $" and {faults.Length - NamesInMessage} more" : "";
            throw new InvalidDataException($"{source} does not fit {other}: {string.Join(", ", faults.Take(NamesInMessage))}{more}.");
        }
    }

    private string Join(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    private sealed class Root(Device device, IParameterSource source, DType matrixType, bool trained, Adapter? adapter)
    {
        public Device Device => device;

        public IParameterSource Source => source;

        public DType MatrixType => matrixType;

        public bool Trained => trained;

        public Adapter? Adapter => adapter;

        public Func<string, string> AdapterName { get; set; } = path => path;

        public TrainingRng TrainingRng { get; } = new();

        public Parameters Parameters { get; } = new();

        public List<string> Faults { get; } = [];

        public List<Linear> Layers { get; } = [];
    }
}
