using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Parameters from a GGUF file.</summary>
/// <param name="model">the file</param>
/// <param name="keep">matrices stay in bfloat16 or in quantised blocks where they lie so in the file</param>
internal sealed class GgufParameters(GgufModel model, bool keep = false) : IParameterSource
{
    /// <inheritdoc/>
    public string Name => model.File.Path;

    /// <inheritdoc/>
    public bool Has(string name) => model.Contains(name);

    /// <inheritdoc/>
    public DType TypeOf(string name, Shape shape, DType wanted) =>
        keep && shape.Rank == 2 && model.Contains(name) ? model.KeptType(name) : wanted;

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
        return FiniteNumbers.FirstOutside(parameter) is >= 0 and var at ? throw FiniteNumbers.Damaged(Name, name, parameter, at) : null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters) =>
        model.Names.Where(name => !parameters.Contains(name)).Order(StringComparer.Ordinal);
}
