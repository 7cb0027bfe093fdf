using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Low-rank adapters as PEFT keeps them: a directory with adapter_config.json and adapter_model.safetensors.</summary>
public static class PeftAdapter
{
    /// <summary>Name of the configuration.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>Name of the weights.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private static readonly string[] UnknownKinds = ["use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out"];
    private static readonly string[] UnknownParts = ["modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Whether a directory is an adapter.</summary>
    public static bool Is(string directory) => File.Exists(Path.Combine(directory, ConfigFile));

    /// <summary>The model below, as adapter_config.json names it: a path is taken from the adapter's directory; null where none is named.</summary>
    public static string? BaseOf(string directory)
    {
        string name = HfConfig.Read(Path.Combine(directory, ConfigFile)).Text("base_model_name_or_path", "");
        return name.Length == 0 ? null : Path.GetFullPath(name, Path.GetFullPath(directory));
    }

    /// <summary>Opens a model that wears the adapter in <paramref name="directory"/>.</summary>
    public static CausalLm Open(string model, string directory, Device device, DType? matrixType = DType.Float32, bool trained = true)
    {
        using HfWeights weights = HfWeights.OpenFile(Path.Combine(directory, WeightsFile));
        CausalLm worn = Pretrained.Open(model, device, matrixType, trained, adapter: new Adapter(ReadConfig(directory), new LoadedParameters(weights), trained));
        string generation = Path.Combine(directory, HfDirectory.GenerationConfigFile);
        worn.GenerationConfig = File.Exists(generation) ? HfConfig.Read(generation) : worn.GenerationConfig;
        return worn;
    }

    /// <summary>Opens a model that wears a new adapter, which does not change it yet.</summary>
    public static CausalLm New(string model, LoraConfig config, ulong seed, Device device, DType? matrixType = DType.Float32)
        => Pretrained.Open(model, device, matrixType, adapter: new Adapter(config.Validate("the recipe"), new FreshParameters(seed, 0), trained: true));

    /// <summary>Reads adapter_config.json.</summary>
    public static LoraConfig ReadConfig(string directory)
    {
        HfConfig c = HfConfig.Read(Path.Combine(directory, ConfigFile));
        if (c.Text("peft_type", "LORA") is not "LORA" and var kind)
        {
            throw new InvalidDataException($"{c.Source}: peft_type \"{kind}\" is not known here; known is LORA.");
        }
        string? unknown = UnknownKinds.FirstOrDefault(key => c.Bool(key, false)) ?? UnknownParts.FirstOrDefault(c.Has) ?? (c.Text("bias", "none") == "none" ? null : "bias");
        if (unknown is not null)
        {
            throw new InvalidDataException($"{c.Source}: \"{unknown}\" is not supported here; known are LoRA, rank-stabilised LoRA and DoRA on linear layers without biases.");
        }
        string? one = c.IsText("target_modules") ? c.Text("target_modules") : null;
        return new LoraConfig(c.Int("r", 8), c.Number("lora_alpha", 8), one is null ? c.Texts("target_modules") : one == LoraConfig.AllLinear ? [one] : [], c.Number("lora_dropout", 0),
            c.Bool("use_rslora", false), c.Bool("use_dora", false))
        {
            TargetPattern = one == LoraConfig.AllLinear ? null : one,
            Excluded = c.IsText("exclude_modules") ? [c.Text("exclude_modules")] : c.Texts("exclude_modules"),
            Layers = c.Ints("layers_to_transform"),
            RankPattern = c.Object("rank_pattern") is { } ranks ? ranks.Keys.ToDictionary(key => key, key => ranks.Int(key)) : new Dictionary<string, int>(),
            AlphaPattern = c.Object("alpha_pattern") is { } alphas ? alphas.Keys.ToDictionary(key => key, key => alphas.Number(key)) : new Dictionary<string, double>(),
        }.Validate(c.Source);
    }

    /// <summary>Writes an adapter into an empty directory.</summary>
    /// <param name="adapter">what to write</param>
    /// <param name="directory">where; it exists</param>
    /// <param name="model">path or name of the model below, for base_model_name_or_path</param>
    public static void Write(Adapter adapter, string directory, string model)
    {
        AtomicFile.WriteText(Path.Combine(directory, ConfigFile), ConfigJson(adapter.Config, model).ToJsonString(Indented) + "\n");
        SafetensorsWriter.Write(Path.Combine(directory, WeightsFile), [.. adapter.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))],
            new Dictionary<string, string> { ["format"] = "pt" });
    }

    private static JsonObject ConfigJson(LoraConfig config, string model) => new()
    {
        ["peft_type"] = "LORA",
        ["task_type"] = "CAUSAL_LM",
        ["base_model_name_or_path"] = model,
        ["r"] = config.Rank,
        ["lora_alpha"] = config.Alpha,
        ["lora_dropout"] = config.Dropout,
        ["target_modules"] = config.TargetPattern is { } pattern ? pattern
            : config.Targets.Contains(LoraConfig.AllLinear) ? LoraConfig.AllLinear : new JsonArray([.. config.Targets.Select(t => (JsonNode)t)]),
        ["exclude_modules"] = config.Excluded.Count == 0 ? null : new JsonArray([.. config.Excluded.Select(t => (JsonNode)t)]),
        ["layers_to_transform"] = config.Layers.Count == 0 ? null : new JsonArray([.. config.Layers.Select(t => (JsonNode)t)]),
        ["rank_pattern"] = new JsonObject(config.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
        ["alpha_pattern"] = new JsonObject(config.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
        ["use_rslora"] = config.RankStabilised,
        ["use_dora"] = config.Dora,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["modules_to_save"] = null,
        ["init_lora_weights"] = true,
        ["inference_mode"] = true,
    };
}
