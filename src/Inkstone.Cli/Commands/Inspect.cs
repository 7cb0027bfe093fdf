using System.CommandLine;

namespace Inkstone.Cli;

/// <summary><c>ink inspect</c>.</summary>
internal static class Inspect
{
    public static Verb Create()
    {
        Argument<string> path = new("PATH") { Description = "a model directory, run, checkpoint, tokenizer, token shard, .gguf or safetensors file" };
        return new Verb("inspect", "what a file or directory of this program holds", [path], call => Of(call.Get(path)!).Print(call),
            "ink inspect runs/poems",
            "ink inspect model.gguf --json");
    }

    private static Sheet Of(string path)
    {
        if (Directory.Exists(path))
        {
            return Directory.Exists(Path.Combine(path, "checkpoints")) ? RunSheet.Of(path)
                : File.Exists(Path.Combine(path, "config.json")) ? ModelSheet.Of(path)
                : File.Exists(Path.Combine(path, "tokenizer.json")) ? TokenizerSheet.Of(path, Text.Tokenizer.Load(path))
                : throw new InvalidDataException($"{path} holds no config.json, tokenizer.json or checkpoints; give a model, a tokenizer, a run, or a file");
        }
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no file or directory {path}");
        }
        return Path.GetExtension(path) switch
        {
            ".safetensors" => SafetensorsSheet.Of(path),
            ".gguf" => GgufSheet.Of(path),
            ".bin" or ".npy" => ShardSheet.Of(path),
            ".json" => TokenizerSheet.Of(path, Text.Tokenizer.Load(path)),
            _ => throw new InvalidDataException($"{path} is of no kind that can be inspected; give .gguf, .safetensors, .bin, .npy, tokenizer.json or a directory"),
        };
    }
}
