using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Parameters from a model directory's weights.</summary>
/// <param name="weights">the files</param>
/// <param name="keep">matrices stay in bfloat16 where they lie so in the files</param>
public sealed class LoadedParameters(HfWeights weights, bool keep = false) : IParameterSource
{
    /// <inheritdoc/>
    public string Name => weights.Directory;

    /// <inheritdoc/>
    public bool Has(string name) => weights.Contains(name);

    /// <inheritdoc/>
    public DType TypeOf(string name, Shape shape, DType wanted)
        => keep && shape.Rank == 2 && weights.Contains(name) && weights.Entry(name).DType == "BF16" ? DType.BFloat16 : wanted;

    /// <inheritdoc/>
    public string? Fill(string name, Tensor parameter, Initial initial)
    {
        if (!weights.Contains(name))
        {
            return $"missing {name}";
        }
        TensorEntry entry = weights.Entry(name);
        if (!SafetensorsFile.SameSizes(entry, parameter.Shape))
        {
            return $"{name} is {entry.Describe()} but {parameter.Shape} is wanted";
        }
        weights.ReadInto(name, parameter);
        return null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters)
        => weights.Names.Where(name => !parameters.Contains(name) && !IsRedundant(name)).Order(StringComparer.Ordinal);

    /// <summary>
    /// Old checkpoints store rotary frequencies, and the head of a tied model a second time; DeepSeek's prediction modules repeat embedding and head.
    /// All of it follows from the rest. Qwen3-Next's prediction module <c>mtp</c> is not built.
    /// </summary>
    private static bool IsRedundant(string name) => name == "lm_head.weight" || name.StartsWith("mtp.", StringComparison.Ordinal) || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)
        || (name.StartsWith("model.layers.", StringComparison.Ordinal)
            && (name.EndsWith(".shared_head.head.weight", StringComparison.Ordinal) || name.EndsWith(".embed_tokens.weight", StringComparison.Ordinal)));
}
