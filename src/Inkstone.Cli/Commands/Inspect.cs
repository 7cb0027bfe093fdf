using System.CommandLine;
using Inkstone.Models;

namespace Inkstone.Cli;

/// <summary><c>ink inspect</c>.</summary>
internal static class Inspect
{
    public static Verb Create()
    {
        Argument<string?> path = new("PATH") { Description = "a model directory, run, checkpoint, tokenizer, token shard, .gguf or safetensors file", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> machine = new("--machine") { Description = "this machine instead: caches, limits measured now, kernels chosen and why" };
        Option<string> masks = new("--masks") { Description = "conversations (JSONL or parquet): shows them as tokens of the tokenizer at PATH, and which are learned", HelpName = "FILE" };
        Option<int> count = new("--count") { Description = "with --masks: conversations shown", HelpName = "N", DefaultValueFactory = _ => 3 };
        Option<string> page = new("--html") { Description = "with --masks: writes an HTML page too", HelpName = "FILE" };
        return new Verb("inspect", "what a file or directory of this program holds, or what this machine can do", [path, machine, masks, count, page], Run,
            "ink inspect runs/poems",
            "ink inspect models/qwen2.5-0.5b --masks conversations.jsonl --html masks.html");

        int Run(Call call)
        {
            if (call.Get(machine))
            {
                return call.Get(path) is null ? call.Compute(MachineSheet.Of).Print(call) : throw new ArgumentException("--machine takes no PATH: it is about this machine");
            }
            string place = call.Get(path) ?? throw new ArgumentException("inspect needs a PATH, or --machine for this machine");
            return call.Get(masks) is { } file ? InspectMasks.Show(call, place, file, call.Get(count), call.Get(page)) : Of(place).Print(call);
        }
    }

    private static Sheet Of(string path)
    {
        if (Directory.Exists(path))
        {
            return Directory.Exists(Path.Combine(path, "checkpoints")) ? RunSheet.Of(path)
                : PeftAdapter.Is(path) ? AdapterSheet.Of(path)
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
