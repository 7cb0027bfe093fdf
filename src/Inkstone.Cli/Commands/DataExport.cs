using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink data export</c>.</summary>
internal static class DataExport
{
    public static CliCommand Create()
    {
        Option<string[]> input = Flags.Inputs(
            "tables (Parquet, Arrow, CSV), JSONL, JSON arrays or text, plain, gzip or zstd; folders of them; what datasets saved to disk"
        );
        Option<string> output = new("--out")
        {
            Description = "file to write: its ending says what, .parquet or .jsonl",
            HelpName = "FILE",
            Required = true,
        };
        Option<string> tokenizer = new("--tokenizer")
        {
            Description = "writes conversations as tokens, labels and positions (Parquet as Mini-LLM prepares it)",
            HelpName = "PATH",
        };
        Option<int> length = new("--max-length")
        {
            Description = "with --tokenizer: tokens of a row; longer examples are left out",
            HelpName = "N",
            DefaultValueFactory = _ => 512,
        };
        Option<bool> packed = new("--packed") { Description = "with --tokenizer: several examples a row" };
        Option<string> template = new("--template")
        {
            Description = "with --tokenizer: chat template instead of the tokenizer's: a .jinja file, or chatml",
            HelpName = "PATH",
        };
        return new CliCommand(
            "export",
            "records of any format as one Parquet or JSONL file, or conversations as tokens to fine-tune on",
            [input, output, tokenizer, length, packed, template],
            Run,
            "ink data export --input conversations.jsonl --out conversations.parquet",
            "ink data export --input conversations.jsonl --tokenizer tok --max-length 512 --packed --out packed.parquet"
        );

        int Run(CommandContext call)
        {
            string file = call.Get(output)!;
            bool isParquet =
                Path.GetExtension(file) == ".parquet" ? true
                : Path.GetExtension(file) is ".jsonl" ? false
                : throw new ArgumentException($"--out must end in .parquet or .jsonl, got '{file}'");
            IReadOnlyList<string> files = InputFiles.Find(call.Get(input)!);
            call.ClaimFile(file, path => isParquet ? InputFiles.IsParquet(path) : JsonRecords.Read(path, []).Any(), files);
            Func<IEnumerable<JsonObject>> records = () => RecordExport.Records(files);
            if (call.Get(tokenizer) is { } path)
            {
                IReadOnlyList<JsonObject> rows = Tokenized(
                    call,
                    Sft.WithTemplate(Models.Told(call, Tokenizer.Load(path)).WithPadToken(), call.Get(template)),
                    files,
                    call.Between(length, 2, 1 << 20),
                    call.Get(packed)
                );
                records = () => rows;
            }
            else if (call.Get(packed) || call.Get(template) is not null)
            {
                throw new ArgumentException($"{(call.Get(packed) ? "--packed" : "--template")} belongs to --tokenizer; give it too");
            }
            ExportReport report = isParquet ? RecordExport.ToParquet(file, records) : RecordExport.ToJsonl(file, records());
            return call.Result(
                new JsonObject
                {
                    ["out"] = file,
                    ["rows"] = report.Rows,
                    ["columns"] = new JsonArray([.. report.Columns.Select(c => JsonValue.Create(c))]),
                    ["bytes"] = report.Bytes,
                },
                o =>
                    o.WriteLine(
                        Format.Text($"{report.Rows:N0} rows of {string.Join(", ", report.Columns)} in {file}, {Format.Bytes(report.Bytes)}")
                    )
            );
        }
    }

    private static List<JsonObject> Tokenized(
        CommandContext call,
        Tokenizer tokenizer,
        IReadOnlyList<string> files,
        int length,
        bool packed
    )
    {
        ConversationReader reader = new();
        ChatMasks masks = new(ChatTemplate.For(tokenizer), tokenizer, new ChatMaskOptions());
        MaskedConversation[] examples = [.. reader.Read(files).SelectMany(c => ConversationSet.Mask(c, masks))];
        int tooLong = examples.Count(e => e.Ids.Length > length);
        if (tooLong > 0)
        {
            call.Warn(Format.Text($"{tooLong:N0} of {examples.Length:N0} examples are longer than {length} tokens and were left out"));
        }
        foreach (SkippedRecords skipped in reader.Report.Skipped)
        {
            call.Warn(skipped.Sentence("record", "skipped"));
        }
        return [.. TokenizedExamples.Rows(examples, length, tokenizer.PadId ?? 0, packed)];
    }
}
