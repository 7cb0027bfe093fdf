namespace Inkstone.Nn;

/// <summary>
/// Several adapters over one model, of which each token of a batch may wear another (S-LoRA, arXiv:2311.03285): the weights below are
/// multiplied once for all tokens,
/// and each adapter is added to its own. For inference.
/// </summary>
public sealed class AdapterSet : IDisposable
{
    private readonly Linear[] _layers;
    private readonly List<Adapter> _adapters = [];
    private readonly List<AdapterRows> _rows = [];

    /// <summary>An empty set over the layers of a model that wears no adapter of its own.</summary>
    public AdapterSet(IEnumerable<Linear> layers) => _layers = [.. layers];

    /// <summary>Which adapter each token of the running batch wears, neighbours together.</summary>
    internal IReadOnlyList<AdapterRows> Rows => _rows;

    /// <summary>Brings an adapter in.</summary>
    /// <param name="config">which layers, and what kind</param>
    /// <param name="source">its parameters</param>
    /// <exception cref="InvalidDataException">It does not fit the model, or holds whole modules in place of the model's, or was started
    /// from the weights below.</exception>
    public Adapter Add(LoraConfig config, IParameterSource source)
    {
        if (config.Bias != "none" || config.SavedModules.Count > 0 || config.Start != LoraStart.Plain)
        {
            throw new InvalidDataException(
                $"{source.Name} cannot be chosen per request, because it holds whole modules or biases of the model, or was started from its weights (modules_to_save, bias, init_lora_weights); "
                    + "merge it and serve the result by itself."
            );
        }
        Adapter adapter = new(config, source, trained: false);
        _adapters.Add(adapter);
        foreach (Linear layer in _layers)
        {
            layer.Wear(adapter, this);
        }
        string[] faults = [.. adapter.Faults()];
        return faults.Length == 0
            ? adapter
            : throw new InvalidDataException(
                $"{source.Name} does not fit the model: {string.Join(", ", faults.Take(2))}{(faults.Length > 2 ? $" and {faults.Length - 2} more" : "")}."
            );
    }

    /// <summary>Takes all adapters off the model and frees them.</summary>
    public void Dispose()
    {
        foreach (Linear layer in _layers)
        {
            layer.TakeOff();
        }
        _adapters.ForEach(adapter => adapter.Dispose());
        _adapters.Clear();
    }

    /// <summary>Begins another batch.</summary>
    public void Clear() => _rows.Clear();

    /// <summary>The next <paramref name="count"/> tokens of the batch wear <paramref name="adapter"/>; null: none.</summary>
    public void Wear(Adapter? adapter, int count)
    {
        if (_rows.Count > 0 && _rows[^1].Adapter == adapter)
        {
            _rows[^1] = _rows[^1] with { Count = _rows[^1].Count + count };
            return;
        }
        _rows.Add(new AdapterRows(adapter, _rows.Count == 0 ? 0 : _rows[^1].First + _rows[^1].Count, count));
    }
}

/// <summary>Neighbouring tokens of a batch that wear one adapter.</summary>
internal readonly record struct AdapterRows(Adapter? Adapter, int First, int Count);
