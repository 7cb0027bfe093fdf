using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>The special ids of a tokenizer, as config.json and generation_config.json of its model name them.</summary>
/// <param name="Bos">bos_token_id</param>
/// <param name="Eos">eos_token_id</param>
/// <param name="Pad">pad_token_id</param>
public readonly record struct TokenIds(int? Bos, int? Eos, int? Pad)
{
    private static readonly string[] Keys = ["bos_token_id", "eos_token_id", "pad_token_id"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>Those of a tokenizer.</summary>
    public static TokenIds FromTokenizer(Tokenizer tokenizer) => new(tokenizer.BosId, tokenizer.EosId, tokenizer.PadId);

    /// <summary>Writes them over what a configuration says; what the tokenizer does not name stays.</summary>
    public void AddTo(JsonObject config)
    {
        foreach ((string key, int? id) in Keys.Zip([Bos, Eos, Pad]))
        {
            if (id is { } known)
            {
                config[key] = known;
            }
        }
    }

    /// <summary>Refuses ids in a configuration that its vocabulary does not have.</summary>
    public static void Check(HfConfig config, int vocabulary)
    {
        foreach (string key in Keys)
        {
            foreach (int id in config.Ints(key).Where(id => id < 0 || id >= vocabulary))
            {
                throw new InvalidDataException(
                    $"{config.Source}: {key} {id} is outside the vocabulary of {vocabulary}; give the model's tokenizer, or set {key} to one of its ids."
                );
            }
        }
    }

    /// <summary>generation_config.json of a model: its own settings or the usual ones, with the ids of the tokenizer.</summary>
    /// <param name="tokenizer">whose ids count</param>
    /// <param name="ends">tokens at which an answer ends; the tokenizer's own end token comes behind them</param>
    /// <param name="own">what the model had before, or null</param>
    public static string GenerationConfig(Tokenizer tokenizer, IReadOnlyList<int> ends, HfConfig? own)
    {
        JsonObject config = own is not null
            ? JsonNode.Parse(own.ToJson())!.AsObject()
            : new()
            {
                ["do_sample"] = true,
                ["temperature"] = 0.8,
                ["top_p"] = 0.95,
            };
        TokenIds ids = FromTokenizer(tokenizer);
        ids.AddTo(config);
        int[] all = [.. ends.Concat(ids.Eos is { } eos ? [eos] : []).Distinct()];
        if (all.Length > 0)
        {
            config["eos_token_id"] = all.Length == 1 ? all[0] : new JsonArray([.. all.Select(id => (JsonNode)id)]);
        }
        return config.ToJsonString(Indented) + "\n";
    }
}
