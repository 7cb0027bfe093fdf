using System.Text.Json.Nodes;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>The config.json of a preset for verbs that make a model without a recipe.</summary>
internal static class PresetConfig
{
    private const int DefaultVocabulary = 6400;

    /// <summary>The preset or config.json <paramref name="name"/>; where it leaves the vocabulary open, the tokenizer's or
    /// <see cref="DefaultVocabulary"/>.</summary>
    public static JsonObject Load(string? name, Tokenizer? tokenizer = null)
    {
        JsonObject json = new ModelOptions(name).Config(
            tokenizer?.VocabularySize ?? 0,
            tokenizer is null ? null : TokenIds.FromTokenizer(tokenizer)
        );
        if (json["vocab_size"]!.GetValue<int>() == 0)
        {
            json["vocab_size"] = DefaultVocabulary;
        }
        return json;
    }
}
