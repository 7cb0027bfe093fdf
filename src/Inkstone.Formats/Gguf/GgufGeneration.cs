using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>generation_config.json and what a GGUF file says instead: tokens that end a text, and general.sampling for how tokens are
/// drawn.</summary>
public static class GgufGeneration
{
    private const string Sampling = "general.sampling.";

    /// <summary>Tokens that end a text beside eos.</summary>
    private static readonly string[] FurtherEnds = ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

    private static readonly (string Key, string Name)[] Numbers =
    [
        ("temp", "temperature"),
        ("top_p", "top_p"),
        ("min_p", "min_p"),
        ("penalty_repeat", "repetition_penalty"),
    ];

    /// <summary>A file's settings as generation_config.json; draws are asked for where it says how.</summary>
    public static JsonObject Read(GgufMetadata m)
    {
        JsonObject json = [];
        GgufConfig.AddTokenIds(m, json);
        foreach ((string key, string name) in Numbers)
        {
            if (m.Number(Sampling + key) is { } value)
            {
                (json["do_sample"], json[name]) = (true, (float)value);
            }
        }
        if (m.Int(Sampling + "top_k") is { } k)
        {
            (json["do_sample"], json["top_k"]) = (true, k);
        }
        return json;
    }

    /// <summary>Adds the settings of a model directory; how tokens are drawn only where they are to be drawn.</summary>
    /// <param name="directory">where generation_config.json may be, or null</param>
    /// <param name="config">config.json, whose ends count where that file names none</param>
    /// <param name="m">where to add, eos being there already</param>
    internal static void Write(string? directory, HfConfig config, GgufMetadata m)
    {
        string file = Path.Combine(directory ?? "", HfDirectory.GenerationConfigFile);
        HfConfig? settings = directory is not null && File.Exists(file) ? HfConfig.Read(file) : null;
        int[] ends = settings?.Ints("eos_token_id") is { Length: > 0 } own ? own : config.Ints("eos_token_id");
        foreach ((string key, int id) in FurtherEnds.Zip(ends.Where(id => id >= 0 && id != m.Int("tokenizer.ggml.eos_token_id"))))
        {
            m.TryAdd(key, (uint)id);
        }
        if (settings?.Bool("do_sample", false) != true)
        {
            return;
        }
        foreach ((string key, string name) in Numbers.Where(n => settings.Has(n.Name)))
        {
            m.Add(Sampling + key, (float)settings.Number(name));
        }
        if (settings.Has("top_k"))
        {
            m.Add(Sampling + "top_k", settings.Int("top_k"));
        }
    }
}
