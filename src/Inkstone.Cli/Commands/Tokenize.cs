using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink tokenize</c>.</summary>
internal static class Tokenize
{
    public static CliCommand Create()
    {
        Option<string> tokenizer = Flags.Tokenizer();
        Option<string[]> input = Flags.Inputs("a prepared directory, or JSONL, Parquet and text files, plain or gzip, or folders of them");
        Option<string> output = Flags.Out("directory for the shards and metadata.json");
        Option<string> format = new("--format")
        {
            Description = "ink (.bin with a header), npy (MicroLM), or raw (headerless uint16, Mini-LLM)",
            HelpName = "ink|npy|raw",
            DefaultValueFactory = _ => "ink",
        };
        Option<long> size = new("--shard-tokens")
        {
            Description = "a shard ends with the document that reaches so many tokens",
            HelpName = "N",
            DefaultValueFactory = _ => 100_000_000,
        };
        Option<string> keys = new("--text-key")
        {
            Description = "JSONL key of the text; several with commas are joined by line ends",
            HelpName = "KEY[,KEY]",
            DefaultValueFactory = _ => "text",
        };
        Option<string> separator = new("--separator") { Description = "the line between documents of a text file", HelpName = "S" };
        return new CliCommand(
            "tokenize",
            "text to token shards; an interrupted run goes on where it stopped when repeated",
            [tokenizer, input, output, format, size, keys, separator],
            Run,
            "ink tokenize --tokenizer tok --input text --out tokens",
            "ink tokenize --tokenizer tok --input text --out tokens --format npy --json"
        );

        int Run(CommandContext call)
        {
            TokenShardFormat shardFormat = DataPrepare.Choice(
                call.Get(format)!,
                "--format",
                ("ink", TokenShardFormat.Inkstone),
                ("npy", TokenShardFormat.Npy),
                ("raw", TokenShardFormat.Headerless)
            );
            Tokenizer t = Models.Told(call, Tokenizer.Load(call.Get(tokenizer)!));
            TokenizeOptions options = new(
                call.Get(input)!,
                call.Get(output)!,
                shardFormat,
                call.Get(size),
                call.Get(keys)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                call.Get(separator),
                call.Force
            );
            Place.KeepApart(options.Output, file: false, [.. options.Inputs, call.Get(tokenizer)]);
            long began = Stopwatch.GetTimestamp();
            TokenizeResult result = WriteShards(call, t, call.Get(tokenizer)!, options);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            return call.Result(
                Json(result, seconds),
                o =>
                {
                    o.WriteLine(
                        Format.Text(
                            $"{result.TrainTokens:N0} tokens to learn from, {result.ValidTokens:N0} held out, in {result.Shards.Count} shards in {result.Output}"
                        )
                    );
                    o.WriteLine(
                        Format.Text(
                            $"{(double)(result.TrainBytes + result.ValidBytes) / Math.Max(1, result.TrainTokens + result.ValidTokens):0.00} bytes per token"
                        )
                    );
                }
            );
        }
    }

    /// <summary>Tokenizes under this call's progress; documents end with the tokenizer's EOS.</summary>
    public static TokenizeResult WriteShards(CommandContext call, Tokenizer tokenizer, string name, TokenizeOptions options)
    {
        int eos =
            tokenizer.EosId
            ?? throw new InvalidDataException(
                $"the tokenizer {name} has no end-of-text token, and documents must end with one; name eos_token in its tokenizer_config.json"
            );
        ShardVocabulary vocabulary = new(tokenizer.VocabularySize, tokenizer.VocabularyHash, eos);
        return call.WithProgress(
            "tokenize",
            bar =>
                new TokenizeRun(options, vocabulary, (text, ids) => tokenizer.Encode(text, false, ids)).Run(
                    new Relay<TokenizeProgress>(p =>
                        bar.Report(
                            (p.BytesTotal > 0 ? (double)p.BytesDone / p.BytesTotal : 0, $"{p.Split}, {Format.Count(p.Tokens)} tokens")
                        )
                    ),
                    call.Cancelled
                )
        );
    }

    private static JsonObject Json(TokenizeResult r, double seconds) =>
        new()
        {
            ["out"] = r.Output,
            ["train_tokens"] = r.TrainTokens,
            ["valid_tokens"] = r.ValidTokens,
            ["train_bytes"] = r.TrainBytes,
            ["valid_bytes"] = r.ValidBytes,
            ["documents"] = r.Documents,
            ["vocab_size"] = r.VocabularySize,
            ["vocabulary_hash"] = r.VocabularyHash,
            ["end_of_document_id"] = r.EndOfDocumentId,
            ["seconds"] = Math.Round(seconds, 3),
            ["shards"] = new JsonArray([
                .. r.Shards.Select(s => new JsonObject
                {
                    ["file"] = s.File,
                    ["split"] = s.Split,
                    ["tokens"] = s.Tokens,
                    ["documents"] = s.Documents,
                    ["bytes"] = s.Bytes,
                }),
            ]),
        };
}
