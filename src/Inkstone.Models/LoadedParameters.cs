using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Parameters from a model directory's weights.</summary>
/// <param name="weights">the files</param>
/// <param name="config">config.json, whose family says which tensors may be left over; null: none</param>
/// <param name="keep">matrices stay in bfloat16 where they lie so in the files</param>
internal sealed class LoadedParameters(HfWeights weights, HfConfig? config = null, bool keep = false) : IParameterSource
{
    private const string Blocks = "_blocks",
        Scales = "_scales";

    private readonly Dictionary<string, string> _stored = Stored(weights, config); // names in the files, of tensors that the model knows by another

    /// <inheritdoc/>
    public string Name => weights.Directory;

    /// <inheritdoc/>
    public bool Has(string name) => weights.Contains(At(name)) || weights.Contains(name + Blocks);

    /// <inheritdoc/>
    public int? RowsOf(string name) =>
        weights.Contains(At(name)) && weights.Entry(At(name)).Shape is [var rows, ..] ? checked((int)rows) : null;

    /// <inheritdoc/>
    public DType TypeOf(string name, Shape shape, DType wanted) =>
        keep && shape.Rank == 2 && weights.Contains(At(name)) && weights.Entry(At(name)).DType == "BF16" ? DType.BFloat16 : wanted;

    /// <inheritdoc/>
    public string? Fill(string name, Tensor parameter, Initial initial)
    {
        if (weights.Contains(name + Blocks) && weights.Contains(name + Scales))
        {
            return FillFromMxfp4(name, parameter);
        }
        name = At(name);
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
        return FiniteNumbers.FirstOutside(parameter) is >= 0 and var at
            ? throw FiniteNumbers.Damaged(weights.FileOf(name), name, parameter, at)
            : null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters) => Unexpected(parameters, []);

    /// <summary>The same, where a few further tensors may be left over.</summary>
    public IEnumerable<string> Unexpected(Parameters parameters, params string[] expected) =>
        weights
            .Names.Except(_stored.Values)
            .Where(name => !parameters.Contains(name) && !expected.Contains(name) && !IsRedundant(name, parameters))
            .Concat(_stored.Where(pair => !parameters.Contains(pair.Key)).Select(pair => pair.Value))
            .Order(StringComparer.Ordinal);

    private string At(string name) => _stored.GetValueOrDefault(name, name);

    private static Dictionary<string, string> Stored(HfWeights weights, HfConfig? config)
    {
        Dictionary<string, string> stored = new(StringComparer.Ordinal);
        Func<string, string> published = config is null ? name => name : ModelFamilies.Find(config).PublishedName;
        foreach (string name in weights.Names)
        {
            if (published(name) is { } known && known != name && (weights.Contains(known) || !stored.TryAdd(known, name)))
            {
                throw new InvalidDataException($"{weights.Directory}: {name} and {known} name the same tensor; remove one of them.");
            }
        }
        return stored;
    }

    /// <summary>
    /// Old checkpoints store rotary frequencies, and the head of a tied model a second time; the family knows its own. Adapters, which have
    /// no config.json,
    /// may hold tensors that only their training used.
    /// </summary>
    private bool IsRedundant(string name, Parameters parameters) =>
        config is null
            ? name.Contains(".lora_velora_embed", StringComparison.Ordinal) || name.Contains("monteclora", StringComparison.Ordinal)
            : (
                IsMxfp4(name, parameters)
                || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)
                || ModelFamilies.Find(config).IsRedundant(name)
                || (name == "lm_head.weight" && IsEmbedding(name, parameters))
            );

    private static bool IsMxfp4(string name, Parameters parameters) =>
        (name.EndsWith(Blocks, StringComparison.Ordinal) || name.EndsWith(Scales, StringComparison.Ordinal))
        && parameters.Contains(name[..^Blocks.Length]);

    /// <summary>[E, N, K/32, 16] blocks and [E, N, K/32] scales give [E, K, N]: the file's rows are outputs, the model's are
    /// inputs.</summary>
    private string? FillFromMxfp4(string name, Tensor parameter)
    {
        (int experts, int inputs, int outputs) = (parameter.Shape[0], parameter.Shape[1], parameter.Shape[2]);
        TensorEntry blocks = weights.Entry(name + Blocks),
            scales = weights.Entry(name + Scales);
        if (
            blocks.DType != "U8"
            || scales.DType != "U8"
            || inputs % Mxfp4.Block != 0
            || !blocks.Shape.SequenceEqual([experts, outputs, inputs / Mxfp4.Block, Mxfp4.Block / 2])
            || !scales.Shape.SequenceEqual([experts, outputs, inputs / Mxfp4.Block])
        )
        {
            return $"{name + Blocks} is {blocks.Describe()} but the blocks of {parameter.Shape} are wanted";
        }
        float[] rows = new float[checked(outputs * inputs)];
        for (int e = 0; e < experts; e++)
        {
            Mxfp4.Decode(weights.Bytes(name + Blocks, e, experts), weights.Bytes(name + Scales, e, experts), rows);
            Ops.FillTransposed(parameter, e, rows, outputs);
        }
        // A scale of 255 is NaN by the standard, and large ones leave float32.
        return FiniteNumbers.FirstOutside(parameter) is >= 0 and var at
            ? throw FiniteNumbers.Damaged(weights.FileOf(name + Scales), name + Scales, parameter, at)
            : null;
    }

    /// <summary>Whether the head of a tied model is the embedding. transformers 4 would drop another head unseen, transformers 5 would use
    /// it.</summary>
    private bool IsEmbedding(string name, Parameters parameters)
    {
        string embedding = parameters.Select(p => p.Name).First(n => n.EndsWith("embed_tokens.weight", StringComparison.Ordinal));
        return weights.SameBytes(name, embedding)
            ? true
            : throw new InvalidDataException(
                $"{weights.Directory}: config.json says tie_word_embeddings, but {name} is not {embedding}; set tie_word_embeddings to false to use it, or remove the tensor."
            );
    }
}
