using System.Collections.Concurrent;
using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Models.DeepseekV32;
using Inkstone.Models.DeepseekV4;
using Inkstone.Models.Ernie45;
using Inkstone.Models.Exaone4;
using Inkstone.Models.Gemma;
using Inkstone.Models.Glm4;
using Inkstone.Models.GptOss;
using Inkstone.Models.Granite;
using Inkstone.Models.KimiLinear;
using Inkstone.Models.Lfm;
using Inkstone.Models.Llama;
using Inkstone.Models.Mistral;
using Inkstone.Models.Mixtral;
using Inkstone.Models.Nanochat;
using Inkstone.Models.Olmo2;
using Inkstone.Models.Phi3;
using Inkstone.Models.Qwen2;
using Inkstone.Models.Qwen2Moe;
using Inkstone.Models.Qwen3;
using Inkstone.Models.Qwen35;
using Inkstone.Models.Qwen3Moe;
using Inkstone.Models.Qwen3Next;
using Inkstone.Models.Qwen4Exp;
using Inkstone.Models.SmolLm3;
using Inkstone.Models.Starcoder2;

namespace Inkstone.Models;

/// <summary>The list of families: a new one is a folder and a line here, or <see cref="Add"/> in a program of one's own.</summary>
public static class ModelFamilies
{
    private static readonly ModelFamily[] BuiltIn =
    [
        LlamaFamily.Llama,
        Qwen2Family.Qwen2,
        Qwen3Family.Qwen3,
        Qwen3MoeFamily.Qwen3Moe,
        Qwen3NextFamily.Qwen3Next,
        DeepseekV3Family.DeepseekV3,
        DeepseekV3Family.DeepseekV2,
        DeepseekV3Family.KimiK2,
        MistralFamily.Mistral,
        MixtralFamily.Mixtral,
        SmolLm3Family.SmolLm3,
        GraniteFamily.Granite,
        Olmo2Family.Olmo2,
        Olmo2Family.Olmo3,
        Qwen2MoeFamily.Qwen2Moe,
        Phi3Family.Phi3,
        GemmaFamily.Gemma2,
        GemmaFamily.Gemma3Text,
        GemmaFamily.Gemma3,
        NanochatFamily.Nanochat,
        Glm4Family.Glm4,
        Ernie45Family.Ernie45,
        GptOssFamily.GptOss,
        Qwen35Family.Qwen35Text,
        Qwen35Family.Qwen35,
        Qwen35Family.Qwen35MoeText,
        Qwen35Family.Qwen35Moe,
        LfmFamily.Lfm2,
        LfmFamily.Lfm3,
        KimiLinearFamily.KimiLinear,
        DeepseekV32Family.DeepseekV32,
        DeepseekV4Family.DeepseekV4,
        Qwen4ExpFamily.Qwen4ExpText,
        Qwen4ExpFamily.Qwen4Exp,
        Exaone4Family.Exaone4,
        Starcoder2Family.Starcoder2,
    ];

    private static readonly ConcurrentDictionary<string, ModelFamily> Added = new(StringComparer.Ordinal);

    /// <summary>All of them, and behind them those that the program has added.</summary>
    public static IReadOnlyList<ModelFamily> All =>
        [.. BuiltIn, .. Added.OrderBy(family => family.Key, StringComparer.Ordinal).Select(family => family.Value)];

    /// <summary>
    /// Adds a family of the program's own, so that configurations, checkpoints and recipes may name it. To be called once, before the first
    /// model is made or opened.
    /// </summary>
    /// <exception cref="ArgumentException">There is a family of that name.</exception>
    public static void Add(ModelFamily family)
    {
        if (BuiltIn.Any(known => known.ModelType == family.ModelType) || !Added.TryAdd(family.ModelType, family))
        {
            throw new ArgumentException(
                $"there is a family of model_type \"{family.ModelType}\" already; choose another name",
                nameof(family)
            );
        }
    }

    /// <summary>What GGUF files may hold.</summary>
    public static IReadOnlyList<GgufArchitecture> Gguf => [.. All.Select(family => family.Gguf).OfType<GgufArchitecture>()];

    /// <summary>The family that a configuration names.</summary>
    /// <exception cref="InvalidDataException">There is none of that name; the message lists those there are.</exception>
    public static ModelFamily Find(HfConfig config)
    {
        string type = config.Text("model_type");
        return All.FirstOrDefault(family => family.ModelType == type)
            ?? throw new InvalidDataException(
                $"{config.Source}: model_type \"{type}\" is not known here; known are {string.Join(", ", All.Select(family => family.ModelType))}."
            );
    }
}
