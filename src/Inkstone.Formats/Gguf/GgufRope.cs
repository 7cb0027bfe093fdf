using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>How positions are rotated, both ways.</summary>
internal static class GgufRope
{
    private const string Prefix = "rope.scaling.";

    /// <summary>By what frequencies are divided, one number per pair of dimensions: Llama 3.1's rule, and longrope's two lists.</summary>
    public const string Factors = "rope_freqs.weight",
        LongFactors = "rope_factors_long.weight",
        ShortFactors = "rope_factors_short.weight";

    private static readonly (string Key, string Name, double Own)[] Betas =
    [
        ("yarn_beta_fast", "beta_fast", 32),
        ("yarn_beta_slow", "beta_slow", 1),
    ];

    /// <summary>Adds the pairs, and returns the tensors of factors; says what llama.cpp does otherwise.</summary>
    public static IReadOnlyList<(string Name, float[] Values)> Write(
        HfConfig config,
        GgufArchitecture architecture,
        GgufKeys keys,
        Action<string> warn
    )
    {
        HfConfig? rope = Parameters(config);
        string type = Type(rope);
        double theta = Theta(config, rope, architecture);
        keys.Set("rope.freq_base", theta);
        if (rope is null || type == "default")
        {
            return [];
        }
        if (!architecture.Rope.Contains(type))
        {
            throw new InvalidDataException(
                $"{rope.Source}: rope_type \"{type}\" cannot be written as GGUF's {architecture.Name}; {string.Join(", ", architecture.Rope.Prepend("default"))} can."
            );
        }
        int longest = config.Int("max_position_embeddings", 2048),
            original = rope.Int("original_max_position_embeddings", config.Int("original_max_position_embeddings", longest));
        double factor = rope.Number("factor", (double)longest / original);
        switch (type)
        {
            case "llama3":
                keys.Set(Prefix + "original_context_length", original);
                return
                [
                    (
                        Factors,
                        [
                            .. LlamaFrequencies
                                .Factors(
                                    theta,
                                    architecture.HeadDim(config),
                                    factor,
                                    rope.Number("low_freq_factor"),
                                    rope.Number("high_freq_factor"),
                                    original
                                )
                                .Select(f => (float)f),
                        ]
                    ),
                ];
            case "longrope":
                double ratio = (double)longest / original;
                keys.Set(Prefix + "original_context_length", original);
                keys.Set(Prefix + "attn_factor", rope.Number("attention_factor", LongRopeMagnitude(ratio, original)));
                return
                [
                    (LongFactors, [.. rope.Numbers("long_factor").Select(f => (float)f)]),
                    (ShortFactors, [.. rope.Numbers("short_factor").Select(f => (float)f)]),
                ];
            case "yarn":
                Yarn(rope, factor, architecture, keys, warn);
                break;
        }
        keys.Set(Prefix + "type", (object)type);
        keys.Set(Prefix + "factor", factor);
        keys.Set(Prefix + "original_context_length", original);
        return [];
    }

    /// <summary>rope_scaling, or null, and what else of config.json positions need.</summary>
    public static JsonObject? Read(GgufFile file, GgufArchitecture architecture, GgufKeys keys, JsonObject json, int headDim)
    {
        int? original = keys.Int(Prefix + "original_context_length");
        if (file.Contains(Factors))
        {
            return Llama3(file, keys.Number("rope.freq_base") ?? architecture.Absent.Theta, headDim, original ?? 8192);
        }
        if (file.Contains(LongFactors) && file.Contains(ShortFactors))
        {
            return LongRope(file, keys, json, original ?? keys.Required("context_length"));
        }
        // Files from before rope.scaling have the factor as scale_linear; a factor without a type is linear, as in llama.cpp.
        string type = keys.Text(Prefix + "type") ?? "linear";
        double? factor = keys.Number(Prefix + "factor") ?? keys.Number("rope.scale_linear");
        switch (type)
        {
            case "none":
            case "linear" when factor is null or 0 or 1:
                return null;
            case "linear":
                return new JsonObject { ["rope_type"] = "linear", ["factor"] = factor };
            case "yarn":
                JsonObject yarn = new() { ["rope_type"] = "yarn", ["factor"] = factor ?? 1 };
                foreach ((string key, string name, _) in Betas)
                {
                    if (keys.Number(Prefix + key) is { } beta)
                    {
                        yarn[name] = beta;
                    }
                }
                if (!architecture.YarnTruncates)
                {
                    yarn["truncate"] = false;
                }
                if (original is not null)
                {
                    yarn["original_max_position_embeddings"] = original;
                }
                return yarn;
            default:
                throw new InvalidDataException(
                    $"{keys.Source}: {Prefix}type \"{type}\" is not known here; known are none, linear and yarn."
                );
        }
    }

    /// <summary>rope_parameters, those of full attention where layers differ, or rope_scaling; null where there is none.</summary>
    private static HfConfig? Parameters(HfConfig config) =>
        config.Object("rope_parameters") is { } rope ? rope.Object("full_attention") ?? rope : config.Object("rope_scaling");

    private static string Type(HfConfig? rope) =>
        rope is null ? "default"
        : rope.Text("rope_type", rope.Text("type", "default")) is var type && type == "su" ? "longrope"
        : type;

    private static double Theta(HfConfig config, HfConfig? rope, GgufArchitecture architecture) =>
        rope is not null && rope.Has("rope_theta") ? rope.Number("rope_theta") : config.Number("rope_theta", architecture.Absent.Theta);

    /// <summary>llama.cpp's magnitude is 0.1 · ln(factor) + 1. Its betas are 32 and 1, its corners whole numbers, whatever a file says: it
    /// says so all the same.</summary>
    private static void Yarn(HfConfig rope, double factor, GgufArchitecture architecture, GgufKeys keys, Action<string> warn)
    {
        if (rope.Has("attention_factor") && Math.Abs(rope.Number("attention_factor") - (0.1 * Math.Log(factor) + 1)) > 1e-6)
        {
            throw new InvalidDataException(
                $"{rope.Source}: \"attention_factor\" cannot be written as GGUF unless it is 0.1 · ln(factor) + 1; remove it."
            );
        }
        if (
            ((string[])["mscale", "mscale_all_dim"]).FirstOrDefault(key => rope.Has(key) && !architecture.YarnKeys.Contains(key)) is
            { } special
        )
        {
            throw new InvalidDataException(
                $"{rope.Source}: \"{special}\" cannot be written as GGUF's {architecture.Name}; remove it if it has its default value."
            );
        }
        architecture.Assume(
            rope,
            "truncate",
            rope.Bool("truncate", true) == architecture.YarnTruncates,
            $"models that were trained with truncate {(architecture.YarnTruncates ? "true" : "false")}"
        );
        foreach ((string key, string name, double own) in Betas)
        {
            if (rope.Has(name))
            {
                keys.Set(Prefix + key, rope.Number(name));
            }
            if (rope.Number(name, own) is var beta && beta != own)
            {
                warn(
                    $"{rope.Source}: llama.cpp's {architecture.Name} computes with {name} {own}, whatever its file says, and not with {beta}; its logits will differ"
                );
            }
        }
        if (!architecture.YarnTruncates)
        {
            warn($"{rope.Source}: llama.cpp rounds where yarn begins and ends, and this model does not; its logits will differ a little");
        }
    }

    private static double LongRopeMagnitude(double ratio, int original) =>
        ratio <= 1 ? 1 : Math.Sqrt(1 + Math.Log(ratio) / Math.Log(original));

    private static JsonObject LongRope(GgufFile file, GgufKeys keys, JsonObject json, int original)
    {
        json["original_max_position_embeddings"] = original;
        JsonObject rope = new()
        {
            ["rope_type"] = "longrope",
            ["long_factor"] = List(LongFactors),
            ["short_factor"] = List(ShortFactors),
            ["original_max_position_embeddings"] = original,
        };
        double usual = LongRopeMagnitude((double)keys.Required("context_length") / original, original);
        if (keys.Number(Prefix + "attn_factor") is { } magnitude && Math.Abs(magnitude - usual) > 1e-6)
        {
            rope["attention_factor"] = magnitude;
        }
        return rope;

        JsonArray List(string name)
        {
            float[] values = new float[file.Tensor(name).Count];
            file.Read(name, values);
            return [.. values.Select(v => (JsonNode)GgufMetadata.Shortest(v))];
        }
    }

    /// <summary>GGUF stores the factors that Llama 3.1's rule gives, not the rule: its numbers are looked for and have to give the same
    /// factors.</summary>
    private static JsonObject Llama3(GgufFile file, double theta, int headDim, int original)
    {
        float[] stored = new float[file.Tensor(Factors).Count];
        file.Read(Factors, stored);
        double factor = stored.Length == headDim / 2 ? stored.Max() : 0;
        double[] expected = LlamaFrequencies.Factors(theta, headDim, factor, 1, 4, original);
        for (int i = 0; i < stored.Length; i++)
        {
            if (i >= expected.Length || Math.Abs(stored[i] - expected[i]) > 1e-4 * expected[i])
            {
                throw new InvalidDataException(
                    $"{file.Path}: {Factors} does not follow Llama 3's rule with low_freq_factor 1, high_freq_factor 4 and {original} original positions."
                );
            }
        }
        return new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = factor,
            ["low_freq_factor"] = 1.0,
            ["high_freq_factor"] = 4.0,
            ["original_max_position_embeddings"] = original,
        };
    }
}
