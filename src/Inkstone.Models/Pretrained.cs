using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Models from directories and GGUF files, and to directories in the layout of transformers.</summary>
public static class Pretrained
{
    /// <summary>Loads a model.</summary>
    /// <param name="path">a directory with config.json and weights, or a .gguf file</param>
    /// <param name="device">where it will compute</param>
    /// <param name="matrixType">type in which matrices lie in memory; null keeps bfloat16 and quantised blocks as they lie in the files
    /// (only where nothing is trained)</param>
    /// <param name="trained">whether parameters want gradients</param>
    /// <param name="configFile">name of the configuration inside the directory</param>
    /// <param name="adapter">a low-rank adapter that the model wears, or null; the model's own parameters are then frozen</param>
    public static CausalLm Open(
        string path,
        Device device,
        DType? matrixType = DType.Float32,
        bool trained = true,
        string configFile = HfDirectory.ConfigFile,
        Adapter? adapter = null
    )
    {
        if (GgufFile.IsGguf(path))
        {
            using GgufModel file = GgufModel.Open(path, ModelFamilies.Gguf);
            CausalLm quantised = Build(
                file.Config,
                new Scope(device, new GgufParameters(file, keep: matrixType is null), matrixType ?? DType.Float32, trained, adapter)
            );
            quantised.GenerationConfig = HfConfig.Parse(GgufGeneration.Read(file.File.Metadata).ToJsonString(), path);
            return quantised;
        }
        HfDirectory source = HfDirectory.Open(path, configFile);
        using HfWeights weights = source.OpenWeights();
        CausalLm model = Build(
            source.Config,
            new Scope(
                device,
                new LoadedParameters(weights, source.Config, keep: matrixType is null),
                matrixType ?? DType.Float32,
                trained,
                adapter
            )
        );
        model.GenerationConfig = source.GenerationConfig;
        return model;
    }

    /// <summary>A model with random parameters.</summary>
    /// <param name="config">its sizes</param>
    /// <param name="device">where it will compute</param>
    /// <param name="seed">the same seed gives the same parameters</param>
    /// <param name="matrixType">type in which matrices lie in memory: float32, or bfloat16 where they are not trained</param>
    /// <param name="adapter">a low-rank adapter that the model wears, or null</param>
    /// <exception cref="InsufficientMemoryException">The weights alone are more than this machine holds.</exception>
    public static CausalLm New(HfConfig config, Device device, ulong seed, DType matrixType = DType.Float32, Adapter? adapter = null)
    {
        CheckMemory(config, device, matrixType);
        return Build(
            config,
            new Scope(
                device,
                new FreshParameters(seed, (float)config.Number("initializer_range", 0.02)),
                matrixType,
                trained: matrixType == DType.Float32,
                adapter
            )
        );
    }

    /// <summary>A model of names and sizes without weights: its parameters, caches and activations can be asked for their size, nothing can
    /// be computed.</summary>
    public static CausalLm Describe(HfConfig config, Device device) =>
        Build(config, new Scope(device, new ParameterSizes(), trained: false));

    /// <summary>Writes a model as a whole directory, or nothing.</summary>
    /// <param name="model">what to write</param>
    /// <param name="directory">where</param>
    /// <param name="overwrite">replaces what is there</param>
    /// <param name="dtype">element type of the weights, e.g. BF16; null keeps the one in memory</param>
    /// <param name="companionsFrom">directory or .gguf file whose tokenizer, generation settings and model card are copied, or null; where
    /// there is no card, one is written</param>
    /// <param name="maxShardBytes">size at which weights are cut into shards</param>
    /// <param name="beside">writes what else belongs into the directory, given its place</param>
    public static void Save(
        CausalLm model,
        string directory,
        bool overwrite = false,
        string? dtype = null,
        string? companionsFrom = null,
        long maxShardBytes = 5_000_000_000,
        Action<string>? beside = null
    ) =>
        AtomicDirectory.Write(
            directory,
            overwrite,
            place =>
            {
                AtomicFile.WriteText(
                    Path.Combine(place, HfDirectory.ConfigFile),
                    HfConfigForms.Both(model.Config).WithDType(dtype).ToJson()
                );
                SafetensorsWriter.WriteModel(
                    place,
                    [.. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor, dtype))],
                    maxShardBytes
                );
                if (companionsFrom is not null)
                {
                    SidecarFiles.Copy(companionsFrom, place);
                }
                beside?.Invoke(place);
                new ModelCard(model.Config, model.Parameters.ElementCount) { BaseModel = companionsFrom }.Write(place);
            }
        );

    /// <summary>Writes a model as one GGUF file, or nothing.</summary>
    /// <param name="model">what to write; float32 or bfloat16</param>
    /// <param name="path">where</param>
    /// <param name="type">type of the matrices</param>
    /// <param name="companionsFrom">directory or .gguf file whose tokenizer and chat template go into the file, or null</param>
    /// <param name="warn">is told what llama.cpp will compute otherwise</param>
    public static void SaveGguf(CausalLm model, string path, GgufFileType type, string? companionsFrom = null, Action<string>? warn = null)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        GgufArchitecture architecture =
            ModelFamilies.Find(model.Config).Gguf
            ?? throw new InvalidDataException(
                $"{model.Config.Source}: a model_type \"{model.Config.Text("model_type")}\" cannot be written as GGUF; {string.Join(", ", ModelFamilies.Gguf.Select(a => a.ModelType))} can."
            );
        NamedTensor[] parameters = [.. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))];
        if (companionsFrom is null || !GgufFile.IsGguf(companionsFrom))
        {
            GgufExport.Write(path, model.Config, architecture, parameters, type, companionsFrom, name, warn);
            return;
        }
        using ScratchDirectory scratch = new();
        SidecarFiles.Copy(companionsFrom, scratch.Path);
        GgufExport.Write(path, model.Config, architecture, parameters, type, scratch.Path, name, warn);
    }

    /// <summary>Adds up the weights before the first is drawn.</summary>
    private static void CheckMemory(HfConfig config, Device device, DType matrixType)
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        string machine = FormattableString.Invariant($"this machine has {memory / (double)(1 << 30):0.0} GiB of memory: take smaller ones");
        try
        {
            using CausalLm sizes = Describe(config, device);
            long bytes = sizes.Parameters.Sum(p => (p.Tensor.Shape.Rank >= 2 ? matrixType : DType.Float32).Bytes(p.Tensor.Count));
            if (bytes > memory)
            {
                throw new InsufficientMemoryException(
                    FormattableString.Invariant(
                        $"{config.Source}: a model of these sizes has {sizes.Parameters.ElementCount:N0} parameters, which take {bytes / (double)(1 << 30):0.0} GiB, and {machine}"
                    )
                );
            }
        }
        catch (OverflowException e)
        {
            throw new InsufficientMemoryException(
                $"{config.Source}: a model of these sizes has a matrix of more than 2^31 rows or columns, and {machine}",
                e
            );
        }
    }

    /// <summary>A model of the family that the configuration names, over the parameters that <paramref name="root"/> hands out.</summary>
    /// <exception cref="InvalidDataException">The family is not known, a key or size is wrong, or parameters do not fit.</exception>
    public static CausalLm Build(HfConfig config, Scope root)
    {
        ModelFamily family = ModelFamilies.Find(config);
        ConfigKeys.Check(config, family);
        CausalLm model = family.Build(config, root);
        _ = model.Parameters; // complains of what is missing or left over
        return model;
    }
}
