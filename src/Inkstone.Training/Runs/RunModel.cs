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
        throw new InvalidDataException($"the model {modelPath} has {size} ids, but the tokenizer {tokenizerPath} has {tokenizer.VocabularySize}; use the tokenizer of that model");
    }

    /// <summary>Configuration and weights; <paramref name="ends"/> are the tokens at which an answer ends, the tokenizer's own end token comes behind them.</summary>
    public static void Write(CausalLm model, Tokenizer tokenizer, IReadOnlyList<int> ends, string directory)
    {
        AtomicFile.WriteText(Path.Combine(directory, HfDirectory.ConfigFile), model.Config.ToJson());
        AtomicFile.WriteText(Path.Combine(directory, HfDirectory.GenerationConfigFile), GenerationConfig(tokenizer, ends));
        SafetensorsWriter.WriteModel(directory, [.. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))]);
    }

    private static string GenerationConfig(Tokenizer tokenizer, IReadOnlyList<int> ends)
    {
        JsonObject config = [];
        if (tokenizer.BosId is { } bos)
        {
            config["bos_token_id"] = bos;
        }
        int[] all = tokenizer.EosId is { } eos ? [.. ends.Append(eos).Distinct()] : [.. ends];
        if (all.Length > 0)
        {
            config["eos_token_id"] = all.Length == 1 ? all[0] : new JsonArray([.. all.Select(id => (JsonNode)id)]);
        }
        config["do_sample"] = true;
        config["temperature"] = 0.8;
        config["top_p"] = 0.95;
        return config.ToJsonString(Indented) + "\n";
    }
}
