using Inkstone.Files;
using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>A low-rank adapter over a model: the layers that wear it and its parameters, named as PEFT names them. The model below stays as
/// it is.</summary>
public sealed class Adapter(LoraConfig config, IParameterSource source, bool trained) : IDisposable
{
    /// <summary>What PEFT puts before a layer's path.</summary>
    public const string Prefix = "base_model.model.";

    private readonly List<Lora> _layers = [];
    private readonly List<string> _paths = [],
        _linear = [],
        _saved = [],
        _faults = [];
    private int _disabled;

    /// <summary>Which layers, and what kind.</summary>
    public LoraConfig Config => config;

    /// <summary>The adapter's own parameters.</summary>
    public Parameters Parameters { get; } = new();

    /// <summary>Where the layers are that wear it.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>Whether the weights below already contain it, so that it must not be added again.</summary>
    public bool IsMerged { get; private set; }

    /// <summary>Whether the model computes as if it wore none: within <see cref="Disabled"/>.</summary>
    public bool IsDisabled => _disabled > 0;

    /// <summary>
    /// A scope in which the model computes as if it wore no adapter, such as the reference model of preference learning: <c>using
    /// (adapter.Disabled()) { … }</c>.
    /// Scopes may be nested. No gradient reaches the adapter from what is computed within.
    /// </summary>
    /// <exception cref="InvalidOperationException">The weights below are not those of the model alone: the adapter has been merged, holds
    /// whole modules in place of the model's, or took its start out of them.</exception>
    public DisabledAdapter Disabled()
    {
        string? why =
            IsMerged ? "it has been merged into the weights"
            : _saved.Count > 0 ? "it holds whole modules in place of the model's"
            : config.Start != LoraStart.Plain ? "its start was taken out of the weights below"
            : null;
        if (why is not null)
        {
            throw new InvalidOperationException($"the adapter cannot be disabled, because {why}; open the model once more without it");
        }
        _disabled++;
        return new DisabledAdapter(this);
    }

    internal void Enable() => _disabled--;

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
        foreach (Parameter p in Parameters.Where(p => !_saved.Contains(p.Name)))
        {
            p.Tensor.Dispose();
        }
    }

    /// <summary>The adapter of the layer at <paramref name="path"/>, or null when it wears none.</summary>
    internal Lora? CreateLora(string path, Tensor weight, Tensor? bias, TrainingRng noise)
    {
        _linear.Add(path);
        if (!config.Matches(path))
        {
            return null;
        }
        if (path == LoraConfig.Head)
        {
            _faults.Add(
                $"{LoraConfig.Head} cannot wear an adapter here, because the loss is computed without its logits; leave it out, or train all weights"
            );
            return null;
        }
        Lora layer = new(this, path, weight, bias, noise);
        _layers.Add(layer);
        _paths.Add(path);
        return layer;
    }

    /// <summary>The parameter of the model that the adapter holds in place of its own (PEFT's modules_to_save and bias), or null.</summary>
    internal Tensor? Saved(string path, Shape shape, Device device)
    {
        if (IsNew || (config.Bias == "none" && config.SavedModules.Count == 0))
        {
            return null;
        }
        const string bias = ".bias";
        string[] names = path.EndsWith(bias, StringComparison.Ordinal) ? [path, $"{path[..^bias.Length]}.base_layer.bias"] : [path];
        if (Array.Find(names, name => source.Has(Prefix + name)) is not { } found)
        {
            return null;
        }
        _saved.Add(Prefix + found);
        int dot = found.LastIndexOf('.');
        return Parameter(found[..dot], found[(dot + 1)..], shape, Initial.Zeros, device);
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
    internal IEnumerable<string> Faults() =>
        _layers.Count == 0 && _faults.Count == 0 && config.TargetPattern is { } pattern
            ? [$"no layer is named {pattern}"]
            :
            [
                .. _faults,
                .. UnmatchedTargets(),
                .. UnsavedModules(),
                .. source.Unexpected(Parameters).Select(name => $"unexpected {name}"),
            ];

    /// <summary>Each name of a new adapter must be one; of an adapter from files, whose tensors say where it goes, at least one
    /// must.</summary>
    private IEnumerable<string> UnmatchedTargets()
    {
        string[] unmatched =
        [
            .. config.Targets.Where(target =>
                target is not (LoraConfig.AllLinear or LoraConfig.Head) && !_paths.Any(path => LoraConfig.Names(target, path))
            ),
        ];
        string[] names = [.. _linear.Where(path => path != LoraConfig.Head).Select(path => path[(path.LastIndexOf('.') + 1)..]).Distinct()];
        return !IsNew && _layers.Count > 0 ? []
            : unmatched.Length == 0 && _layers.Count == 0 && _faults.Count == 0 ? [$"no layer is named {string.Join(", ", config.Targets)}"]
            : unmatched.Select(target =>
                $"no layer is named {target}; the nearest is {(target.Contains('.') ? _linear : (IEnumerable<string>)names).MinBy(name => Spelling.Distance(target, name))} ({string.Join(", ", names)} are there)"
            );
    }

    /// <summary>PEFT takes every module whose path ends with the name, even inside a word.</summary>
    private IEnumerable<string> UnsavedModules() =>
        config
            .SavedModules.Where(module => !_saved.Any(name => name[..name.LastIndexOf('.')].EndsWith(module, StringComparison.Ordinal)))
            .Select(module => $"modules_to_save \"{module}\" is no module that both the model and the adapter's weights have");

    internal string SourceName => source is FreshParameters ? "the new adapter" : source.Name;
}

/// <summary>The scope of <see cref="Adapter.Disabled"/>.</summary>
public readonly ref struct DisabledAdapter
{
    private readonly Adapter _adapter;

    internal DisabledAdapter(Adapter adapter) => _adapter = adapter;

    /// <summary>The model wears its adapter again.</summary>
    public void Dispose() => _adapter.Enable();
}
