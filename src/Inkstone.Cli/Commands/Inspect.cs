using System.CommandLine;
using System.Text.Json;
using Inkstone.Models;

namespace Inkstone.Cli;

/// <summary><c>ink inspect</c>.</summary>
internal static class Inspect
{
    public static CliCommand Create()
    {
        Argument<string?> path = new("PATH")
        {
            Description =
                "a model directory, adapter, run, checkpoint, tokenizer, prepared text, tokens, the directory of a quickstart; a .gguf, .safetensors, .bin or .npy file; JSONL, JSON, Parquet or text, plain or gzip",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> machine = new("--machine")
        {
            Description = "this machine instead: caches, limits measured now, kernels chosen and why",
        };
        Option<bool> mpi = new("--mpi")
        {
            Description = "MPI on this machine instead: the library that several processes would meet by, and how they would be placed",
        };
        Option<string> masks = new("--masks")
        {
            Description =
                "conversations (JSONL, a JSON array or Parquet): shows them as tokens of the tokenizer at PATH, and which are learned",
            HelpName = "FILE",
        };
        Option<int> count = new("--count")
        {
            Description = "with --masks: conversations shown",
            HelpName = "N",
            DefaultValueFactory = _ => 3,
        };
        Option<string> template = new("--template")
        {
            Description = "with --masks: chat template, instead of the tokenizer's: a .jinja file, or chatml",
            HelpName = "PATH",
        };
        Option<string[]> variables = TemplateVariables.Option();
        Option<string> page = new("--html") { Description = "with --masks: writes an HTML page too", HelpName = "FILE" };
        return new CliCommand(
            "inspect",
            "what a file or directory of this program holds, or what this machine can do",
            [path, machine, mpi, masks, count, template, variables, page],
            Run,
            "ink inspect runs/poems",
            "ink inspect models/qwen2.5-0.5b --masks conversations.jsonl --html masks.html"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            if (call.Get(machine))
            {
                return call.Get(path) is null
                    ? call.Compute(MachineSheet.Create).Print(call)
                    : throw new ArgumentException("--machine takes no PATH: it is about this machine");
            }
            if (call.Get(mpi))
            {
                return call.Get(path) is null
                    ? MpiSheet.Create(call).Print(call)
                    : throw new ArgumentException("--mpi takes no PATH: it is about this machine");
            }
            string place = call.Get(path) ?? throw new ArgumentException("inspect needs a PATH, or --machine or --mpi for this machine");
            if (call.Get(masks) is { } file)
            {
                return InspectMasks.Show(
                    call,
                    place,
                    file,
                    call.Between(count, 1, 1_000_000),
                    call.Get(page),
                    call.Get(template),
                    TemplateVariables.Read(call, variables)
                );
            }
            Option? alone = ((Option[])[template, variables, page, count]).FirstOrDefault(call.Has);
            return alone is null
                ? ReadSheet(place).Print(call)
                : throw new ArgumentException(
                    $"{alone.Name} belongs to --masks FILE, which shows what is learned from conversations; give it too"
                );
        }
    }

    private static FactSheet ReadSheet(string path)
    {
        if (Directory.Exists(path))
        {
            if (
                Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))) == "checkpoints"
                && Path.GetDirectoryName(Path.GetFullPath(path)) is { } run
                && RunSheet.IsRun(run)
            )
            {
                return RunSheet.Read(run);
            }
            return QuickstartSheet.Find(path)
                ?? (
                    RunSheet.IsRun(path) ? RunSheet.Read(path)
                    : PeftAdapter.IsAdapter(path) ? AdapterSheet.Read(path)
                    : File.Exists(Path.Combine(path, "config.json")) ? ModelSheet.Read(path)
                    : File.Exists(Path.Combine(path, "tokenizer.json")) ? TokenizerSheet.Create(path, Text.Tokenizer.Load(path))
                    : MetadataSheet.Find(path)
                        ?? (
                            Directory.EnumerateFiles(path).Any(DataSheet.Reads)
                                ? DataSheet.Read(path)
                                : throw new InvalidDataException(
                                    $"{path} holds no model, adapter, run, tokenizer, tokens or text; name a directory that ink or Hugging Face wrote, or a file"
                                )
                        )
                );
        }
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no file or directory {path}");
        }
        return Path.GetExtension(path) switch
        {
            ".safetensors" => SafetensorsSheet.Read(path),
            ".gguf" => GgufSheet.Read(path),
            ".bin" or ".npy" => ShardSheet.Read(path),
            ".json" when Path.GetFileName(path) == "config.json" => throw new InvalidDataException(
                $"{path} is one file of a model; name its directory"
            ),
            ".json" when IsObject(path) => TokenizerSheet.Create(path, Text.Tokenizer.Load(path)),
            _ when DataSheet.Reads(path) => DataSheet.Read(path),
            _ => throw new InvalidDataException(
                $"{path} is of no kind that can be inspected; give .gguf, .safetensors, .bin, .npy, tokenizer.json, JSONL, JSON, Parquet, text, or a directory"
            ),
        };
    }

    /// <summary>Whether a .json file is one object, as a tokenizer.json is; records of data are an array, or one to a line.</summary>
    private static bool IsObject(string path)
    {
        using FileStream file = File.OpenRead(path);
        try
        {
            using JsonDocument document = JsonDocument.Parse(file);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false; // JSONL under another name, or damaged: its reader says where
        }
    }
}
