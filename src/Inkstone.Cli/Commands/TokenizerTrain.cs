using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink tokenizer train</c>.</summary>
internal static class TokenizerTrain
{
    public static CliCommand Create()
    {
        Option<string[]> input = Flags.Inputs("text files, plain or gzip; a prepared directory stands for its tokenizer_corpus.txt");
        Option<int> size = new("--vocab-size")
        {
            Description = "number of tokens, special tokens and the 256 bytes included",
            HelpName = "N",
            Required = true,
        };
        Option<string> pattern = new("--pattern")
        {
            Description = "how text is cut into words: gpt2, gpt4, nanochat, qwen2",
            HelpName = "NAME",
            DefaultValueFactory = _ => "gpt4",
        };
        Option<long> frequency = new("--min-frequency")
        {
            Description = "pairs seen less often are not merged",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<string[]> special = new("--special-token")
        {
            Description = "a special token (repeatable); they get the first ids in this order; default <|endoftext|>",
            HelpName = "S",
        };
        Option<int> cap = new("--max-word-bytes")
        {
            Description = "longer words are cut while learning; 0: never",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<bool> microLm = new("--microlm") { Description = "write MicroLM's vocab.json and merge.txt as well" };
        Option<string> output = Flags.Out("directory for tokenizer.json and tokenizer_config.json");
        return new CliCommand(
            "train",
            "learns byte-level BPE merges from text, the same merges as Hugging Face's trainer",
            [input, size, pattern, frequency, special, cap, microLm, output],
            Run,
            "ink tokenizer train --input corpus.txt --vocab-size 6400 --out tok",
            "ink tokenizer train --input a.txt b.txt.gz --vocab-size 30000 --pattern qwen2 --special-token \"<|endoftext|>\" --special-token \"<|im_start|>\" --out tok"
        );

        int Run(CommandContext call)
        {
            string directory = call.Claim(call.Get(output)!, call.Get(input)!);
            string[] tokens = call.Get(special) is { Length: > 0 } given ? given : ["<|endoftext|>"];
            BpeTrainerOptions options = new(
                call.Get(size),
                Pattern(call.Get(pattern)!),
                SpecialTokens: tokens,
                MinFrequency: call.Get(frequency),
                MaxPreTokenLength: call.Get(cap),
                Threads: call.Threads ?? 0
            );
            long began = Stopwatch.GetTimestamp();
            (Tokenizer tokenizer, long invalid) = Learn(call, [.. call.Get(input)!.Select(path => Corpus(call, path))], options);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            AtomicDirectory.Write(
                directory,
                call.Force,
                place =>
                {
                    tokenizer.Save(place);
                    if (call.Get(microLm))
                    {
                        tokenizer.SaveMicroLm(place);
                    }
                }
            );
            if (invalid > 0)
            {
                call.Warn($"{invalid} ill-formed UTF-8 sequences were read as U+FFFD");
            }
            if (tokenizer.VocabularySize < options.VocabularySize)
            {
                call.Warn(
                    $"the text gave {tokenizer.VocabularySize} tokens of the {options.VocabularySize} asked for: no further pair of tokens occurs {(options.MinFrequency > 1 ? $"{options.MinFrequency} times" : "in it")}; give more text, or ask for fewer so that no other program expects more"
                );
            }
            JsonObject result = new()
            {
                ["tokenizer"] = Path.Combine(directory, "tokenizer.json"),
                ["vocab_size"] = tokenizer.VocabularySize,
                ["pattern"] = call.Get(pattern),
                ["special_tokens"] = new JsonArray([.. tokens.Select(t => JsonValue.Create(t))]),
                ["invalid_utf8"] = invalid,
                ["seconds"] = Math.Round(seconds, 3),
            };
            return call.Result(
                result,
                o => o.WriteLine(Format.Text($"{tokenizer.VocabularySize} tokens in {seconds:0.0} s, written to {directory}"))
            );
        }
    }

    /// <summary>The text that a prepared directory holds for this, or the path itself; of records one hears that their keys are text
    /// too.</summary>
    private static string Corpus(CommandContext call, string path)
    {
        string corpus = Path.Combine(path, "tokenizer_corpus.txt");
        if (File.Exists(corpus))
        {
            return corpus;
        }
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        if (File.Exists(path) && Path.GetExtension(name).ToLowerInvariant() is ".jsonl" or ".ndjson" or ".json" or ".parquet")
        {
            call.Warn(
                $"{path} holds records, and their keys and marks are learned as if they were text: make text of it with ink data prepare, and give that directory"
            );
        }
        return path;
    }

    /// <summary>Learns under this call's progress; also how many ill-formed UTF-8 sequences were met.</summary>
    public static (Tokenizer Tokenizer, long Invalid) Learn(CommandContext call, IReadOnlyList<string> files, BpeTrainerOptions options)
    {
        long invalid = 0;
        return (
            call.WithProgress(
                "tokenizer",
                progress => BpeTrainer.Train(files, options, new Relay(progress, n => invalid = n), call.Cancelled)
            ),
            invalid
        );
    }

    public static SplitPattern Pattern(string name) =>
        name switch
        {
            "gpt2" => SplitPattern.Gpt2,
            "gpt4" => SplitPattern.Gpt4,
            "nanochat" => SplitPattern.Nanochat,
            "qwen2" => SplitPattern.Qwen2,
            _ => throw new ArgumentException(
                $"--pattern must be gpt2, gpt4, nanochat or qwen2, got '{name}'{Spelling.Suggestion(name, ["gpt2", "gpt4", "nanochat", "qwen2"])}"
            ),
        };

    /// <summary>Bytes read, then tokens made, as one bar.</summary>
    private sealed class Relay(IProgress<(double, string)> bar, Action<long> invalid) : IProgress<BpeProgress>
    {
        public void Report(BpeProgress value)
        {
            invalid(value.InvalidBytes);
            double share = value.Total > 0 ? (double)value.Done / value.Total : 0;
            bar.Report(
                value.Stage == BpeStage.Count
                    ? (0.5 * share, $"{Format.Bytes(value.Done)} of {Format.Bytes(value.Total)} counted")
                    : (0.5 + 0.5 * share, $"{value.Done:N0} of {value.Total:N0} tokens")
            );
        }
    }
}
