using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A model in a run: what is asked of it, and its files in a checkpoint.</summary>
internal static class RunModel
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>Refuses a tokenizer that has ids which the model lacks.</summary>
    public static CausalLm CheckVocabulary(CausalLm model, string modelPath, Tokenizer tokenizer, string tokenizerPath)
    {
        if (model.VocabSize >= tokenizer.VocabularySize)
        {
            return model;
        }
        int size = model.VocabSize;
        model.Dispose();
        throw new InvalidDataException(
            $"the model {modelPath} has {size} ids, but the tokenizer {tokenizerPath} has {tokenizer.VocabularySize}; use the tokenizer of that model"
        );
    }

    /// <summary>Configuration and weights; the ids of special tokens are those of the tokenizer that is written beside them.</summary>
    /// <param name="model">what to write</param>
    /// <param name="tokenizer">its tokenizer</param>
    /// <param name="ends">tokens at which an answer ends, beside the tokenizer's own end token</param>
    /// <param name="directory">where</param>
    public static void Write(CausalLm model, Tokenizer tokenizer, IReadOnlyList<int> ends, string directory)
    {
        JsonObject config = JsonNode.Parse(model.Config.ToJson())!.AsObject();
        TokenIds ids = TokenIds.FromTokenizer(tokenizer);
        (model.Config.Has("eos_token_id") && ModelFamilies.Find(model.Config).DependsOnEnd ? ids with { Eos = null } : ids).AddTo(config);
        AtomicFile.WriteText(Path.Combine(directory, HfDirectory.ConfigFile), config.ToJsonString(Indented) + "\n");
        AtomicFile.WriteText(
            Path.Combine(directory, HfDirectory.GenerationConfigFile),
            TokenIds.GenerationConfig(tokenizer, ends, model.GenerationConfig)
        );
        SafetensorsWriter.WriteModel(directory, [.. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))]);
    }
}
