using System.Text;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Opens what <c>--model</c> names.</summary>
internal static class Models
{
    /// <summary>A model to run, not to train.</summary>
    /// <param name="path">directory, run or .gguf file</param>
    /// <param name="device">where</param>
    /// <param name="weights">what <c>--weights</c> says; null keeps the types of a .gguf file and widens those of a directory</param>
    public static CausalLm Open(string path, Device device, string? weights = null)
        => Pretrained.Open(CheckpointFolder.Resolve(path), device, MatrixType(path, weights), trained: false);

    private static DType? MatrixType(string path, string? weights) => weights?.ToUpperInvariant() switch
    {
        null => GgufFile.Is(path) ? null : DType.Float32,
        "KEEP" => null,
        "FP32" => DType.Float32,
        "BF16" => DType.BFloat16,
        _ => throw new ArgumentException($"--weights must be keep, fp32 or bf16, got '{weights}'"),
    };

    /// <summary>The tokenizer beside the model, or inside a .gguf file; also a tokenizer.json.</summary>
    public static Tokenizer Tokenizer(string path)
    {
        if (!GgufFile.Is(path))
        {
            return Text.Tokenizer.Load(CheckpointFolder.Resolve(path));
        }
        using GgufFile file = GgufFile.Open(path);
        GgufTokenizer found = GgufTokenizer.Read(file.Metadata) ?? throw new InvalidDataException($"{path} holds no tokenizer; convert the model again from a directory that has a tokenizer.json");
        return Text.Tokenizer.FromJson(Encoding.UTF8.GetBytes(found.Json), Encoding.UTF8.GetBytes(found.ConfigJson), path);
    }
}
