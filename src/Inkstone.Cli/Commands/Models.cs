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
    public static CausalLm Open(string path, Device device) => Pretrained.Open(CheckpointFolder.Resolve(path), device, trained: false);

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
