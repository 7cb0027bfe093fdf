using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Parameters from a GGUF file.</summary>
public sealed class GgufParameters(GgufModel model) : IParameterSource
{
    /// <inheritdoc/>
    public string Name => model.File.Path;

    /// <inheritdoc/>
    public string? Fill(string name, Tensor parameter, Initial initial)
    {
        if (!model.Contains(name))
        {
            return $"missing {name}";
        }
        if (!model.Shape(name).SequenceEqual(Enumerable.Range(0, parameter.Shape.Rank).Select(i => (long)parameter.Shape[i])))
        {
            return $"{name} is [{string.Join(", ", model.Shape(name))}] but {parameter.Shape} is wanted";
        }
        model.ReadInto(name, parameter);
        return null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters) => model.Names.Where(name => !parameters.Contains(name)).Order(StringComparer.Ordinal);
}
