using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Opens what <c>--model</c> names.</summary>
internal static class Models
{
    /// <summary>A model to run, not to train; of an adapter the model below with the adapter merged.</summary>
    /// <param name="path">directory, run, adapter or .gguf file</param>
    /// <param name="device">where</param>
    /// <param name="weights">what <c>--weights</c> says; null keeps the types of a .gguf file and widens those of a directory</param>
    public static CausalLm Open(string path, Device device, string? weights = null)
    {
        string place = CheckpointFolder.Resolve(Existing(path, "model", tokenizerDoes: false));
        if (!PeftAdapter.IsAdapter(place))
        {
            return Pretrained.Open(place, device, MatrixType(place, weights), trained: false);
        }
        CausalLm model = PeftAdapter.Open(BaseModel(place, null), place, device, MatrixType("", weights) ?? DType.Float32, trained: false);
        model.Adapter!.Merge();
        return model;
    }

    /// <summary>Where a whole model lies, which an adapter is not.</summary>
    public static string Whole(string path)
    {
        string place = CheckpointFolder.Resolve(Existing(path, "model", tokenizerDoes: false));
        return !PeftAdapter.IsAdapter(place)
            ? place
            : throw new InvalidDataException($"{path} is an adapter; make a model of it first: ink merge --adapter {path} --out DIR");
    }

    /// <summary>The path itself, when it can be what is wanted, a model or a tokenizer, at all; a directory with a tokenizer alone may do
    /// for either.</summary>
    private static string Existing(string path, string wanted, bool tokenizerDoes)
    {
        bool model = wanted == "model";
        if (File.Exists(path))
        {
            return GgufFile.IsGguf(path) || (!model && Path.GetExtension(path) == ".json")
                ? path
                : throw new InvalidDataException(
                    File.Exists(Path.Combine(DirectoryOf(path), "config.json"))
                        ? $"{path} is one file of a model; give its directory, {DirectoryOf(path)}"
                    : model ? $"{path} is no .gguf file; give one, a model directory, an adapter or a run"
                    : $"{path} is neither a .gguf file nor a tokenizer.json; give one of these, or a directory that holds one"
                );
        }
        if (!Directory.Exists(path))
        {
            throw new FileNotFoundException($"there is no file or directory '{path}'; check the path");
        }
        string place = CheckpointFolder.Resolve(path);
        bool tokenizer = File.Exists(Path.Combine(place, "tokenizer.json"));
        if (File.Exists(Path.Combine(place, "config.json")) || PeftAdapter.IsAdapter(place) || (tokenizer && tokenizerDoes))
        {
            return path;
        }
        string advice =
            QuickstartState.Find(path) is not null
                ? $"those of a quickstart are {Path.Combine(path, "run")} and {Path.Combine(path, "chat")}"
            : Directory.EnumerateFiles(place, "*.gguf").Order(StringComparer.Ordinal).FirstOrDefault() is { } gguf
                ? $"give the file {gguf} itself"
            : model ? "give a model directory (with a config.json), an adapter, a run, or a .gguf file"
            : "give a directory with a tokenizer.json, that file itself, or a .gguf file";
        throw new InvalidDataException($"{path} holds {(tokenizer ? "a tokenizer and " : "")}no {wanted}; {advice}");
    }

    private static string DirectoryOf(string file) => Path.GetDirectoryName(file) is { Length: > 0 } directory ? directory : ".";

    private static DType? MatrixType(string path, string? weights) =>
        weights?.ToUpperInvariant() switch
        {
            null => GgufFile.IsGguf(path) ? null : DType.Float32,
            "KEEP" => null,
            "FP32" => DType.Float32,
            "BF16" => DType.BFloat16,
            _ => throw new ArgumentException($"--weights must be keep, fp32 or bf16, got '{weights}'"),
        };

    /// <summary>The tokenizer beside the model, or inside a .gguf file; also a tokenizer.json. What an adapter lacks, tokenizer or
    /// template, is that of the model below.</summary>
    public static Tokenizer Tokenizer(string path, CommandContext call) =>
        Told(call, Tokenizer(CheckpointFolder.Resolve(Existing(path, "tokenizer", tokenizerDoes: true))));

    private static Tokenizer Tokenizer(string place)
    {
        if (!PeftAdapter.IsAdapter(place))
        {
            return ModelTokenizer.Load(place);
        }
        if (!File.Exists(Path.Combine(place, "tokenizer.json")))
        {
            Tokenizer below = ModelTokenizer.Load(BaseModel(place, null));
            string template = Path.Combine(place, "chat_template.jinja");
            return File.Exists(template) ? below.WithChatTemplate(File.ReadAllText(template)) : below;
        }
        Tokenizer own = ModelTokenizer.Load(place);
        return
            own.ChatTemplate is null
            && PeftAdapter.BaseOf(place) is { } model
            && (Directory.Exists(model) || File.Exists(model))
            && ModelTokenizer.Load(model).ChatTemplate is { } inherited
            ? own.WithChatTemplate(inherited)
            : own;
    }

    /// <summary>generation_config.json of what <c>--model</c> names, or null: that of an adapter, else that of the model below; of a .gguf
    /// file what its metadata say.</summary>
    public static HfConfig? GenerationConfig(string path)
    {
        string place = CheckpointFolder.Resolve(Existing(path, "model", tokenizerDoes: true)),
            own = Path.Combine(place, HfDirectory.GenerationConfigFile);
        if (GgufFile.IsGguf(place))
        {
            using GgufFile file = GgufFile.Open(place);
            return HfConfig.Parse(GgufGeneration.Read(file.Metadata).ToJsonString(), place);
        }
        return File.Exists(own) ? HfConfig.Read(own)
            : PeftAdapter.IsAdapter(place) ? GenerationConfig(BaseModel(place, null))
            : null;
    }

    /// <summary>Says what the tokenizer's files make one expect and it does not do.</summary>
    public static Tokenizer Told(CommandContext call, Tokenizer tokenizer) => ModelTokenizer.Told(tokenizer, call.Warn);

    /// <summary>The model below an adapter: the one that is given, or the one that the adapter names.</summary>
    public static string BaseModel(string adapter, string? given)
    {
        if (!PeftAdapter.IsAdapter(adapter))
        {
            throw new FileNotFoundException($"{adapter} has no {PeftAdapter.ConfigFile}; give an adapter's directory or a run of ink sft.");
        }
        string below = given is not null
            ? CheckpointFolder.Resolve(given)
            : PeftAdapter.BaseOf(adapter)
                ?? throw new InvalidDataException(
                    $"{Path.Combine(adapter, PeftAdapter.ConfigFile)} names no base_model_name_or_path; give the model with --model."
                );
        return Directory.Exists(below) || File.Exists(below)
            ? below
            : throw new FileNotFoundException(
                $"the adapter {adapter} is made for {below}, which is not here; download that model, and name its place in base_model_name_or_path or with --model."
            );
    }

    /// <summary>The type that most weights of a model have in its files; float32 stands for quantised ones.</summary>
    public static GgufFileType StoredType(string path)
    {
        IEnumerable<(string Type, long Count)> weights;
        if (GgufFile.IsGguf(path))
        {
            using GgufFile file = GgufFile.Open(path);
            weights = [.. file.Tensors.Select(t => (t.Type.ToString(), t.Count))];
        }
        else
        {
            using HfWeights files = HfDirectory.Open(path).OpenWeights();
            weights = [.. files.Names.Select(name => (files.Entry(name).DType, files.Entry(name).Count))];
        }
        return weights.GroupBy(w => w.Type).MaxBy(group => group.Sum(w => w.Count))?.Key switch
        {
            "BF16" => GgufFileType.BF16,
            "F16" => GgufFileType.F16,
            _ => GgufFileType.F32,
        };
    }
}
