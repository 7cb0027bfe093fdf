using System.Collections;
using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>A tensor of the state dict under its HF name.</summary>
public sealed record Parameter(string Name, Tensor Tensor);

/// <summary>A model's state dict, in the order in which its layers asked for it.</summary>
public sealed class Parameters : IReadOnlyList<Parameter>
{
    private readonly List<Parameter> _list = [];
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);
    private TensorList? _tensors;

    /// <summary>A list of these, which have different names.</summary>
    public static Parameters FromList(IEnumerable<Parameter> list)
    {
        Parameters all = new();
        foreach (Parameter p in list)
        {
            all.Add(p);
        }
        return all;
    }

    /// <inheritdoc/>
    public int Count => _list.Count;

    /// <summary>Number of weights; whole numbers that are kept beside them are none.</summary>
    public long ElementCount => _list.Sum(p => p.Tensor.DType == DType.Int32 ? 0 : p.Tensor.Count);

    /// <inheritdoc/>
    public Parameter this[int index] => _list[index];

    /// <summary>The tensor of that name.</summary>
    public Tensor this[string name] =>
        _byName.TryGetValue(name, out Parameter? found)
            ? found.Tensor
            : throw new InvalidDataException($"the model has no parameter \"{name}\".");

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>All tensors, for ops that take them in one pass.</summary>
    public TensorList Tensors => _tensors ??= new TensorList(_list.Select(p => p.Tensor));

    /// <summary>Moves what is trained into flat buffers, as far as it does not lie in some already: first what <paramref name="first"/>
    /// picks, then the other matrices, which decay, then vectors.</summary>
    /// <returns>The arena of the parameters that were moved; null where there were none.</returns>
    public ParameterArena? Flatten(Func<Parameter, bool>? first = null) =>
        ParameterArena.Place(
            [.. _list.Select(p => p.Tensor)],
            i =>
                first?.Invoke(_list[i]) == true ? 0
                : _list[i].Tensor.Shape.Rank >= 2 ? 1
                : 2
        );

    /// <summary>The parameters that <paramref name="wanted"/> picks, in the same order.</summary>
    public Parameters Where(Func<Parameter, bool> wanted)
    {
        Parameters some = new();
        foreach (Parameter p in _list)
        {
            if (wanted(p))
            {
                some.Add(p);
            }
        }
        return some;
    }

    /// <summary>These and one more behind them.</summary>
    public Parameters With(Parameter more)
    {
        Parameters all = Where(_ => true);
        all.Add(more);
        return all;
    }

    /// <summary>Forgets all gradients.</summary>
    public void ZeroGrad()
    {
        for (int i = 0; i < _list.Count; i++)
        {
            _list[i].Tensor.ZeroGrad();
        }
    }

    /// <inheritdoc/>
    public IEnumerator<Parameter> GetEnumerator() => _list.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal void Add(Parameter parameter)
    {
        if (!_byName.TryAdd(parameter.Name, parameter))
        {
            throw new InvalidOperationException($"two layers ask for the parameter \"{parameter.Name}\"");
        }
        _list.Add(parameter);
        _tensors = null;
    }
}
