using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>A low-rank adapter over a model: the layers that wear it and its parameters, named as PEFT names them. The model below stays as it is.</summary>
public sealed class Adapter(LoraConfig config, IParameterSource source, bool trained) : IDisposable
{
    /// <summary>What PEFT puts before a layer's path.</summary>
    public const string Prefix = "base_model.model.";

    private readonly List<Lora> _layers = [];
    private readonly List<string> _faults = [];

    /// <summary>Which layers, and what kind.</summary>
    public LoraConfig Config => config;

    /// <summary>The adapter's own parameters.</summary>
    public Parameters Parameters { get; } = new();

    /// <summary>Whether the weights below already contain it, so that it must not be added again.</summary>
    public bool IsMerged { get; private set; }

    /// <summary>Adds the adapter to the weights below, which then are those of the tuned model.</summary>
    public void Merge()
    {
        if (!IsMerged)
        {
            _layers.ForEach(layer => layer.Merge());
            IsMerged = true;
        }
    }

    /// <summary>Frees its parameters.</summary>
    public void Dispose()
    {
        foreach (Parameter p in Parameters)
        {
            p.Tensor.Dispose();
        }
    }

    /// <summary>The adapter of the layer at <paramref name="path"/>, or null when it wears none.</summary>
    internal Lora? On(string path, Tensor weight, Noise noise)
    {
        if (!config.Matches(path))
        {
            return null;
        }
        if (path == LoraConfig.Head)
        {
            _faults.Add($"{LoraConfig.Head} cannot wear an adapter");
            return null;
        }
        Lora layer = new(this, path, weight, noise);
        _layers.Add(layer);
        return layer;
    }

    /// <summary>A parameter, and whether it came from the source.</summary>
    internal Tensor Parameter(string path, string name, Shape shape, Initial initial, Device device)
    {
        string full = $"{Prefix}{path}.{name}";
        Tensor tensor = Tensor.Allocate(device, shape, DType.Float32, trained);
        Parameters.Add(new Parameter(full, tensor));
        if (source.Fill(full, tensor, initial) is { } fault)
        {
            _faults.Add(fault);
        }
        return tensor;
    }

    /// <summary>True for an adapter with fresh parameters: it must not change the model yet.</summary>
    internal bool IsNew => source is FreshParameters;

    /// <summary>What does not fit, once the model has been built.</summary>
    internal IEnumerable<string> Faults() => _layers.Count == 0 && _faults.Count == 0
        ? [$"no layer is named {config.TargetPattern ?? string.Join(", ", config.Targets)}"]
        : [.. _faults, .. source.Unexpected(Parameters).Select(name => $"unexpected {name}")];

    internal string SourceName => source is FreshParameters ? "the new adapter" : source.Name;
}
