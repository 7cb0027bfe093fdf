using Inkstone.Formats;
using Inkstone.Nn;

namespace Inkstone.Models;

/// <summary>All that the rest of the program knows of a family of models. One static per family, listed in
/// <see cref="ModelFamilies"/>.</summary>
/// <param name="ModelType">config.json's <c>model_type</c></param>
/// <param name="Build">the model over the parameters that a scope hands out</param>
/// <param name="Keys">keys of config.json that the family reads beside <see cref="ConfigKeys.Common"/></param>
public sealed record ModelFamily(string ModelType, Func<HfConfig, Scope, CausalLm> Build, IReadOnlyList<string> Keys)
{
    /// <summary>Keys that stand in config.json files of this family, that other families read, and that change nothing here.</summary>
    public IReadOnlyList<string> Harmless { get; init; } = [];

    /// <summary>Tensors of a checkpoint that follow from others or belong to parts that are not built.</summary>
    public Func<string, bool> IsRedundant { get; init; } = _ => false;

    /// <summary>The name by which the model knows a tensor of a checkpoint: transformers writes some otherwise than they were
    /// published.</summary>
    public Func<string, string> PublishedName { get; init; } = name => name;

    /// <summary>What GGUF files of the family look like; null: there are none.</summary>
    public GgufArchitecture? Gguf { get; init; }

    /// <summary>Whether eos_token_id changes what the model computes: its configuration then keeps it, whatever tokenizer goes with it, and
    /// generation_config.json alone says where texts end.</summary>
    public bool DependsOnEnd { get; init; }

    /// <summary>What tie_word_embeddings means where the key is absent.</summary>
    public bool TiedByDefault { get; init; }
}
