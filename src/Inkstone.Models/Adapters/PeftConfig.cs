using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Nn;

namespace Inkstone.Models;

/// <summary>adapter_config.json, key by key as PEFT 0.21 writes it: done, without effect on the numbers, or refused by name. A key that is
/// none of these is refused.</summary>
internal static class PeftConfig
{
    private static readonly HashSet<string> Done =
    [
        "peft_type",
        "base_model_name_or_path",
        "r",
        "lora_alpha",
        "lora_dropout",
        "use_rslora",
        "use_dora",
        "rank_pattern",
        "alpha_pattern",
        "target_modules",
        "exclude_modules",
        "layers_to_transform",
        "layers_pattern",
        "init_lora_weights",
        "bias",
        "lora_bias",
        "modules_to_save",
    ];

    /// <summary>Notes, parts of the start that the weights already contain, and what acts in the backward pass or on other kinds of layers
    /// only.</summary>
    private static readonly HashSet<string> WithoutEffect =
    [
        "task_type",
        "auto_mapping",
        "peft_version",
        "revision",
        "inference_mode",
        "runtime_config",
        "megatron_config",
        "megatron_core",
        "loftq_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "qalora_group_size",
        "velora_config",
        "monteclora_config",
        "fan_in_fan_out",
        "ensure_weight_tying",
    ];

    private static readonly Dictionary<string, string> Refused = new()
    {
        ["use_qalora"] = "it pools the inputs of GPTQ layers",
        ["use_bdlora"] = "its matrices are block-diagonal",
        ["kasa_config"] = "the base loses its smallest singular values",
        ["layer_replication"] = "it builds a model of repeated layers",
        ["trainable_token_indices"] = "it replaces rows of the embedding; merge the adapter with PEFT first",
        ["target_parameters"] = "it adapts the tensors of experts; merge the adapter with PEFT first",
        ["alora_invocation_tokens"] = "the adapter acts behind certain tokens only",
        ["arrow_config"] = "it chooses among several adapters",
    };

    /// <summary>Reads the file in <paramref name="directory"/>; which layers a null target_modules means is read from the tensors'
    /// names.</summary>
    public static LoraConfig Read(string directory, IReadOnlyCollection<string> tensors)
    {
        HfConfig c = HfConfig.Read(Path.Combine(directory, PeftAdapter.ConfigFile));
        if (c.Text("peft_type", "LORA") is not "LORA" and var kind)
        {
            throw new InvalidDataException($"{c.Source}: peft_type \"{kind}\" is not known here; known is LORA.");
        }
        foreach (string key in c.Keys.Where(c.IsSet))
        {
            if (Refused.TryGetValue(key, out string? why))
            {
                throw new InvalidDataException($"{c.Source}: \"{key}\" is not supported here: {why}.");
            }
            if (!Done.Contains(key) && !WithoutEffect.Contains(key))
            {
                throw new InvalidDataException(
                    $"{c.Source}: the key \"{key}\" is not known here; what it does to the numbers is unknown, too. Remove it if it does nothing."
                );
            }
        }
        if (
            tensors.Any(name =>
                name.Contains(".lora_embedding_", StringComparison.Ordinal)
                || name.StartsWith($"{Adapter.Prefix}{LoraConfig.Head}.lora_", StringComparison.Ordinal)
            )
        )
        {
            throw new InvalidDataException(
                $"{c.Source}: \"target_modules\" names the embedding or {LoraConfig.Head}, which wear no adapter here; merge the adapter with PEFT first."
            );
        }
        (IReadOnlyList<string> targets, string? pattern) = Targets(c, tensors);
        LoraConfig config = new(
            c.Int("r", 8),
            c.Number("lora_alpha", 8),
            targets,
            c.Number("lora_dropout", 0),
            c.Bool("use_rslora", false),
            c.Bool("use_dora", false)
        )
        {
            TargetPattern = pattern,
            Excluded = c.IsText("exclude_modules") ? [] : c.Texts("exclude_modules"),
            ExcludedPattern = c.IsText("exclude_modules") ? c.Text("exclude_modules") : null,
            Layers = c.Ints("layers_to_transform"),
            LayerPatterns = c.IsText("layers_pattern") ? [c.Text("layers_pattern")] : c.Texts("layers_pattern"),
            RankPattern = c.Object("rank_pattern") is { } ranks
                ? ranks.Keys.ToDictionary(key => key, key => ranks.Int(key))
                : new Dictionary<string, int>(),
            AlphaPattern = c.Object("alpha_pattern") is { } alphas
                ? alphas.Keys.ToDictionary(key => key, key => alphas.Number(key))
                : new Dictionary<string, double>(),
            Start = Start(c),
            Bias = c.Text("bias", "none"),
            BiasOfB = c.Bool("lora_bias", false),
            SavedModules = c.Texts("modules_to_save"),
        };
        return config.Validate(c.Source);
    }

    /// <summary>The file of an adapter whose layers are at <paramref name="paths"/>.</summary>
    public static JsonObject Write(LoraConfig config, IEnumerable<string> paths, string model) =>
        new()
        {
            ["peft_type"] = "LORA",
            ["task_type"] = "CAUSAL_LM",
            ["base_model_name_or_path"] = model,
            ["r"] = config.Rank,
            ["lora_alpha"] = config.Alpha,
            ["lora_dropout"] = config.Dropout,
            // In PEFT the word means experts and routers, too, so names stand in its place: with the block's, since experts have layers of
            // the
            // same names.
            ["target_modules"] = config.TargetPattern is { } pattern
                ? pattern
                : List(
                    config.Targets.Contains(LoraConfig.AllLinear)
                        ? paths.Select(path => string.Join('.', path.Split('.')[^2..])).Distinct()
                        : config.Targets
                ),
            ["exclude_modules"] =
                config.ExcludedPattern is { } excluded ? excluded
                : config.Excluded.Count == 0 ? null
                : List(config.Excluded),
            ["layers_to_transform"] = config.Layers.Count == 0 ? null : new JsonArray([.. config.Layers.Select(t => (JsonNode)t)]),
            ["layers_pattern"] = config.LayerPatterns.Count == 0 ? null : List(config.LayerPatterns),
            ["rank_pattern"] = new JsonObject(config.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
            ["alpha_pattern"] = new JsonObject(config.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
            ["use_rslora"] = config.RankStabilised,
            ["use_dora"] = config.Dora,
            ["bias"] = config.Bias,
            ["lora_bias"] = config.BiasOfB,
            ["fan_in_fan_out"] = false,
            ["modules_to_save"] = config.SavedModules.Count == 0 ? null : List(config.SavedModules),
            ["init_lora_weights"] = config.Start == LoraStart.Plain ? true : config.Start.ToString().ToLowerInvariant(),
            ["inference_mode"] = true,
        };

    private static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)t)]);

    private static (IReadOnlyList<string> Names, string? Pattern) Targets(HfConfig c, IReadOnlyCollection<string> tensors)
    {
        const string ending = ".lora_A.weight";
        if (!c.Has("target_modules"))
        {
            return (
                [
                    .. tensors
                        .Where(name =>
                            name.StartsWith(Adapter.Prefix, StringComparison.Ordinal) && name.EndsWith(ending, StringComparison.Ordinal)
                        )
                        .Select(name => name[Adapter.Prefix.Length..^ending.Length]),
                ],
                null
            );
        }
        return !c.IsText("target_modules") ? (c.Texts("target_modules"), null)
            : c.Text("target_modules").Equals(LoraConfig.AllLinear, StringComparison.OrdinalIgnoreCase) ? ([LoraConfig.AllLinear], null)
            : ([], c.Text("target_modules"));
    }

    private static LoraStart Start(HfConfig c)
    {
        const string key = "init_lora_weights";
        string start =
            c.IsText(key) ? c.Text(key)
            : c.Bool(key, true) ? "true"
            : "false";
        return start.ToLowerInvariant() switch
        {
            "true" or "false" or "gaussian" or "orthogonal" or "mica" or "eva" => LoraStart.Plain,
            "pissa" => LoraStart.Pissa,
            "olora" => LoraStart.Olora,
            var other => throw new InvalidDataException(
                $"{c.Source}: \"{key}\": \"{start}\" is not supported here: {(other.StartsWith("pissa_niter_", StringComparison.Ordinal)
                ? "each loading takes another random approximation out of the base" : "what it took out of the base is not in the files")}. "
                    + "Convert the adapter where it was made: PEFT's save_pretrained with path_initial_model_for_weight_conversion."
            ),
        };
    }
}
