using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Models.Llama;
using Inkstone.Models.Qwen2;
using Inkstone.Models.Qwen3;
using Inkstone.Models.Qwen3Moe;
using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Models from directories and to directories, in the layout of transformers.</summary>
public static class Pretrained
{
    /// <summary>Files beside the weights that belong to a model and are copied with it.</summary>
    private static readonly string[] Companions = [HfDirectory.GenerationConfigFile, "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja"];

    /// <summary>Loads a model.</summary>
    /// <param name="directory">config.json and weights</param>
    /// <param name="device">where it will compute</param>
    /// <param name="matrixType">type in which matrices lie in memory</param>
    /// <param name="trained">whether parameters want gradients</param>
    /// <param name="configFile">name of the configuration inside the directory</param>
    /// <param name="adapter">a low-rank adapter that the model wears, or null; the model's own parameters are then frozen</param>
    public static CausalLm Open(string directory, Device device, DType matrixType = DType.Float32, bool trained = true, string configFile = HfDirectory.ConfigFile, Adapter? adapter = null)
    {
        HfDirectory source = HfDirectory.Open(directory, configFile);
        using HfWeights weights = source.OpenWeights();
        return Build(source.Config, new Scope(device, new LoadedParameters(weights), matrixType, trained, adapter));
    }

    /// <summary>A model with random parameters.</summary>
    public static CausalLm New(HfConfig config, Device device, ulong seed)
        => Build(config, new Scope(device, new FreshParameters(seed, (float)config.Number("initializer_range", 0.02))));

    /// <summary>Writes a model as a whole directory, or nothing.</summary>
    /// <param name="model">what to write</param>
    /// <param name="directory">where</param>
    /// <param name="overwrite">replaces what is there</param>
    /// <param name="dtype">element type of the weights, e.g. BF16; null keeps the one in memory</param>
    /// <param name="companionsFrom">directory whose tokenizer and generation files are copied, or null</param>
    /// <param name="maxShardBytes">size at which weights are cut into shards</param>
    public static void Save(CausalLm model, string directory, bool overwrite = false, string? dtype = null, string? companionsFrom = null, long maxShardBytes = 5_000_000_000)
        => AtomicFile.WriteDirectory(directory, overwrite, place =>
        {
            AtomicFile.WriteText(Path.Combine(place, HfDirectory.ConfigFile), model.Config.ToJson());
            SafetensorsWriter.WriteModel(place, [.. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor, dtype))], maxShardBytes);
            foreach (string name in Companions)
            {
                if (companionsFrom is not null && File.Exists(Path.Combine(companionsFrom, name)))
                {
                    File.Copy(Path.Combine(companionsFrom, name), Path.Combine(place, name));
                }
            }
        });

    /// <summary>The one switch on model_type: a model over the parameters that <paramref name="root"/> hands out.</summary>
    public static CausalLm Build(HfConfig config, Scope root) => config.Text("model_type") switch
    {
        "llama" => new LlamaModel(config, root),
        "qwen2" => new Qwen2Model(config, root),
        "qwen3" => new Qwen3Model(config, root),
        "qwen3_moe" => new Qwen3MoeModel(config, root),
        "qwen3_next" => new Qwen3NextModel(config, root),
        "deepseek_v3" => new DeepseekV3Model(config, root),
        string other => throw new InvalidDataException($"{config.Source}: model_type \"{other}\" is not known here; known are llama, qwen2, qwen3, qwen3_moe, qwen3_next and deepseek_v3."),
    };
}
