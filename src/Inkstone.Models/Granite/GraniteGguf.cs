using Inkstone.Formats;
using Inkstone.Models.Llama;

namespace Inkstone.Models.Granite;

/// <summary>GGUF files of Granite 3.</summary>
internal static class GraniteGguf
{
    /// <summary>config.json's factors and llama.cpp's names of them; logit_scale is a divisor there, too.</summary>
    private static readonly (string Key, string Name)[] Factors =
    [
        ("embedding_multiplier", "embedding_scale"),
        ("attention_multiplier", "attention.scale"),
        ("residual_multiplier", "residual_scale"),
        ("logits_scaling", "logit_scale"),
    ];

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("granite", "granite", LlamaGguf.Block())
        {
            Rope = LlamaGguf.Architecture.Rope,
            Write = (a, c, keys) =>
            {
                GgufRules.OwnHeadDim(a, c);
                foreach ((string key, string name) in Factors)
                {
                    keys.Set(name, c.Number(key, 1));
                }
            },
            Read = (file, keys, json) =>
            {
                GgufRules.ReadBiases(file, json);
                json.Remove("head_dim");
                foreach ((string key, string name) in Factors)
                {
                    json[key] =
                        keys.Number(name) is { } factor and not 0 ? factor
                        : name == "attention.scale"
                            ? 1 / Math.Sqrt((double)keys.Required("embedding_length") / keys.Required("attention.head_count"))
                        : 1.0;
                }
            },
        };
}
