using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// All that GGUF files of a family of models need: names, how tensors lie, hyperparameters both ways. A family brings its own, so nothing
/// here knows a family.
/// What a file cannot carry, because llama.cpp assumes it, is refused by name when it is another.
/// </summary>
/// <param name="Name">general.architecture, llama.cpp's name</param>
/// <param name="ModelType">config.json's model_type</param>
/// <param name="Layer">tensors of layers; embedding, last norm and head are <see cref="Outside"/></param>
public sealed record GgufArchitecture(string Name, string ModelType, IReadOnlyList<GgufTensorRule> Layer)
{
    /// <summary>The class of transformers, where it is not <see cref="HfConfig.ClassOf"/>.</summary>
    public string? ClassName { get; init; }

    /// <summary>Tensors outside the layers.</summary>
    public IReadOnlyList<GgufTensorRule> Outside { get; init; } =
    [
        new("token_embd.weight", "model.embed_tokens.weight", GgufLayout.Same),
        new("output_norm.weight", "model.norm.weight", GgufLayout.Same),
        new("output.weight", "lm_head.weight", GgufLayout.Same),
    ];

    /// <summary>All tensors.</summary>
    public IEnumerable<GgufTensorRule> Tensors => Outside.Concat(Layer);

    /// <summary>Whether llama.cpp wants a head where the model's is the embedding; then the file holds it twice.</summary>
    public bool NeedsHead { get; init; }

    /// <summary>Whether a file of this <see cref="Name"/> is of this family, where several share it; the first in the list that says so
    /// counts.</summary>
    public Func<GgufFile, GgufKeys, bool> Is { get; init; } = (_, _) => true;

    /// <summary>What config.json means where it lacks a key.</summary>
    public GgufAbsent Absent { get; init; } = new();

    /// <summary>Kinds of stretched positions that llama.cpp knows for it.</summary>
    public IReadOnlyList<string> Rope { get; init; } = ["linear", "yarn"];

    /// <summary>Keys of yarn that <see cref="Write"/> deals with.</summary>
    public IReadOnlyList<string> YarnKeys { get; init; } = [];

    /// <summary>Whether yarn's corners are whole numbers in the model (truncate), as they always are in llama.cpp.</summary>
    public bool YarnTruncates { get; init; } = true;

    /// <summary>config.json's key of the activation, and the one that llama.cpp has.</summary>
    public (string Key, string Name) Activation { get; init; } = ("hidden_act", "silu");

    /// <summary>config.json's key of what norms add to a mean square or a variance, and the file's.</summary>
    public (string Key, string Name) Eps { get; init; } = ("rms_norm_eps", "attention.layer_norm_rms_epsilon");

    /// <summary>Dimensions of a head that are rotated.</summary>
    public Func<HfConfig, int, int> RotaryDim { get; init; } = (_, headDim) => headDim;

    /// <summary>The configuration of the part that is written, where config.json holds it inside.</summary>
    public Func<HfConfig, HfConfig> Text { get; init; } = config => config;

    /// <summary>A parameter's name in the family's text model.</summary>
    public Func<string, string> TextName { get; init; } = name => name;

    /// <summary>Parameters that llama.cpp has no use for and a file therefore leaves out.</summary>
    public Func<HfConfig, string, bool> Omits { get; init; } = (_, _) => false;

    /// <summary>Adds to the pairs that all models have, or changes them; refuses what the file cannot carry.</summary>
    public Action<GgufArchitecture, HfConfig, GgufKeys> Write { get; init; } = (_, _, _) => { };

    /// <summary>Adds to config.json's keys that all models have, or changes them.</summary>
    public Action<GgufFile, GgufKeys, JsonObject> Read { get; init; } = (_, _, _) => { };

    /// <summary>Number of key-value heads.</summary>
    public int KeyValueHeads(HfConfig c)
    {
        int heads = c.Int("num_attention_heads");
        return c.Int("num_key_value_heads", c.Keys.Contains("num_key_value_heads") ? heads : Absent.KeyValueHeads ?? heads);
    }

    /// <summary>Dimensions of a head.</summary>
    public int HeadDim(HfConfig c) => c.Int("head_dim", Absent.HeadDim ?? c.Int("hidden_size") / c.Int("num_attention_heads"));

    /// <summary>Complains of a value that the file cannot carry.</summary>
    /// <param name="c">config.json</param>
    /// <param name="key">its key</param>
    /// <param name="fits">whether the value is the one that llama.cpp assumes</param>
    /// <param name="assumed">that one, in words</param>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public void Assume(HfConfig c, string key, bool fits, string assumed)
    {
        if (!fits)
        {
            throw new InvalidDataException($"{c.Source}: \"{key}\" cannot be written as GGUF: llama.cpp's {Name} has {assumed}.");
        }
    }
}

/// <summary>What config.json means where it lacks a key.</summary>
/// <param name="KeyValueHeads">num_key_value_heads; null: as many as heads</param>
/// <param name="HeadDim">head_dim; null: hidden_size / num_attention_heads</param>
/// <param name="Theta">rope_theta</param>
/// <param name="Eps">rms_norm_eps, or the key of <see cref="GgufArchitecture.Eps"/></param>
public sealed record GgufAbsent(int? KeyValueHeads = null, int? HeadDim = null, double Theta = 10_000, double Eps = 1e-6);
