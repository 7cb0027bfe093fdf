using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink data prepare</c>.</summary>
internal static partial class DataPrepare
{
    public static CliCommand Create()
    {
        Option<string[]> input = Flags.Inputs("JSONL, Parquet or text files, plain or gzip, or folders of them");
        Option<string> output = Flags.Out("directory for train, valid, tokenizer_corpus.txt and metadata.json");
        Option<string> keys = new("--text-key")
        {
            Description = "JSONL key of the text; several with commas are joined by line ends",
            HelpName = "KEY[,KEY]",
            DefaultValueFactory = _ => "text",
        };
        Option<string> separator = new("--separator")
        {
            Description = "the line between documents of a text file; without it a file is one document",
            HelpName = "S",
        };
        Option<string> utf8 = new("--invalid-utf8")
        {
            Description = "replace it, drop the document, or fail",
            HelpName = "replace|drop|fail",
            DefaultValueFactory = _ => "replace",
        };
        Option<bool> skip = new("--skip-missing-key") { Description = "leave lines without the key out instead of failing" };
        Option<string[]> replace = new("--replace")
        {
            Description = "OLD=NEW, wherever it stands (repeatable; \\n and \\t are understood)",
            HelpName = "OLD=NEW",
        };
        Option<bool> html = new("--clean-html") { Description = "remove HTML's tags and comments; 1 < 2 is none" };
        Option<bool> blanks = new("--keep-whitespace")
        {
            Description = "leave runs of blanks and empty lines as they are, as code needs it",
        };
        Option<int> min = new("--min-length")
        {
            Description = "drop shorter documents, in characters",
            HelpName = "N",
            DefaultValueFactory = _ => 50,
        };
        Option<int> max = new("--max-length")
        {
            Description = "drop longer documents; 0: no limit",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<bool> truncate = new("--truncate") { Description = "cut documents at --max-length instead of dropping them" };
        Option<bool> noDedup = new("--no-dedup") { Description = "keep documents that equal an earlier one" };
        Option<double> ratio = new("--valid-ratio")
        {
            Description = "share of documents held out",
            HelpName = "X",
            DefaultValueFactory = _ => 0.01,
        };
        Option<string> format = new("--format")
        {
            Description = "jsonl, or text with a separator line",
            HelpName = "jsonl|text",
            DefaultValueFactory = _ => "jsonl",
        };
        Option<string> convert = new("--convert")
        {
            Description =
                "convert to another script of Chinese by this configuration of OpenCC, such as t2s or tw2s, what was not converted before",
            HelpName = "CONFIG",
        };
        Option<string> dictionaries = ScriptFlags.Dictionaries();
        Option<bool> pages = new("--html-pages") { Description = "documents are HTML pages: take their text as a reader sees it" };
        Option<string> languages = new("--language")
        {
            Description = "keep only these, such as zh,en or zh-Hans",
            HelpName = "CODE[,CODE]",
        };
        Option<string> filters = new("--filter")
        {
            Description = "quality filters: units (Chinese and others), gopher-quality, gopher-repetition, c4, fineweb",
            HelpName = "NAME[,NAME]",
        };
        Option<string[]> limits = new("--limit")
        {
            Description = "another limit of a filter, such as units.units.least=20 (repeatable)",
            HelpName = "NAME=X",
        };
        Option<string> scoreKey = new("--score-key")
        {
            Description = "key of a number that says how good a document is, as FineWeb-Edu has it",
            HelpName = "KEY",
        };
        Option<double> least = new("--least-score")
        {
            Description = "drop documents with a lower score, or with none",
            HelpName = "X",
            DefaultValueFactory = _ => 0.6,
        };
        Option<string[]> contamination = new("--contamination")
        {
            Description = "evaluation sets: drop documents that share a run of words or characters with them",
            HelpName = "PATH",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int> run = new("--contamination-length")
        {
            Description = "length of such a run, in words or Chinese characters",
            HelpName = "N",
            DefaultValueFactory = _ => 13,
        };
        Option<bool> mask = new("--mask-personal-data")
        {
            Description = "mask e-mail addresses, telephone, identity and bank card numbers",
        };
        Option<int> lines = new("--dedup-lines")
        {
            Description = "take out lines of at least N characters that were there before",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<double> near = new("--near-duplicates")
        {
            Description = "keep one of documents with at least this Jaccard similarity, such as 0.8",
            HelpName = "X",
        };
        Option<string> shingles = DataDedup.Shingles("characters");
        Option<bool> report = new("--report") { Description = "write report.html: counts, reasons with examples, histograms" };
        return new CliCommand(
            "prepare",
            "cleans, deduplicates and splits text into a part to learn from and a part held out",
            [
                input,
                output,
                keys,
                separator,
                utf8,
                skip,
                replace,
                html,
                blanks,
                min,
                max,
                truncate,
                noDedup,
                ratio,
                format,
                convert,
                dictionaries,
                pages,
                languages,
                filters,
                limits,
                scoreKey,
                least,
                contamination,
                run,
                mask,
                lines,
                near,
                shingles,
                report,
            ],
            Run,
            "ink data prepare --input articles.jsonl --out text",
            "ink data prepare --input pages.jsonl --html-pages --language zh --filter units --mask-personal-data --near-duplicates 0.8 --report --out text"
        );

        int Run(CommandContext call)
        {
            PrepareOptions options = new(
                call.Get(input)!,
                call.Get(output)!,
                call.Get(keys)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                call.Get(separator),
                Choice(
                    call.Get(utf8)!,
                    "--invalid-utf8",
                    ("replace", InvalidUtf8.Replace),
                    ("drop", InvalidUtf8.Drop),
                    ("fail", InvalidUtf8.Fail)
                ),
                call.Get(skip) ? MissingKey.Skip : MissingKey.Fail,
                [.. (call.Get(replace) ?? []).Select(Replacement)],
                call.Get(html),
                call.Get(blanks),
                call.Get(min),
                call.Get(max),
                call.Get(truncate) ? MaxLengthAction.Truncate : MaxLengthAction.Drop,
                !call.Get(noDedup),
                call.Get(ratio),
                Choice(call.Get(format)!, "--format", ("jsonl", PrepareFormat.Jsonl), ("text", PrepareFormat.Text)),
                Force: call.Force,
                HtmlPages: call.Get(pages),
                Languages: Words(call.Get(languages)),
                Filters: Words(call.Get(filters)),
                Limits: Limits(call.Get(limits) ?? []),
                Contamination: call.Get(contamination),
                ContaminationLength: call.Get(run),
                MaskPersonalData: call.Get(mask),
                DedupLines: call.Get(lines),
                NearDuplicates: call.Has(near) ? new NearDuplicateOptions(call.Get(near), DataDedup.Kind(call.Get(shingles)!)) : null,
                Report: call.Get(report),
                Threads: call.Threads ?? 0,
                ScoreKey: call.Get(scoreKey),
                LeastScore: call.Get(least),
                Convert: call.Get(convert),
                Dictionaries: call.Get(dictionaries)
            );
            call.Claim(options.Output, [.. options.Inputs, .. options.Contamination ?? []]);
            PrepareResult result = Prepare(call, options);
            return call.Result(Json(result), _ => Print(call, result));
        }
    }

    /// <summary>Prepares under this call's progress.</summary>
    public static PrepareResult Prepare(CommandContext call, PrepareOptions options) =>
        call.WithProgress(
            "prepare",
            bar =>
                new Preparation(options).Run(
                    new Relay<PrepareProgress>(p =>
                        bar.Report((p.Total > 0 ? (double)p.Done / p.Total : 0, $"{p.Phase}, {p.Documents:N0} documents"))
                    ),
                    call.Cancelled
                )
        );

    /// <summary>One of a few words of a flag.</summary>
    public static T Choice<T>(string value, string flag, params (string Word, T Meaning)[] words)
    {
        foreach ((string word, T meaning) in words)
        {
            if (word == value)
            {
                return meaning;
            }
        }
        string[] known = [.. words.Select(w => w.Word)];
        throw new ArgumentException($"{flag} must be one of {string.Join(", ", known)}, got '{value}'{Spelling.Suggestion(value, known)}");
    }

    private static string[] Words(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Dictionary<string, double> Limits(string[] pairs)
    {
        Dictionary<string, double> limits = [];
        foreach (string pair in pairs)
        {
            int equals = pair.LastIndexOf('=');
            limits[equals > 0 ? pair[..equals] : pair] =
                equals > 0 && double.TryParse(pair.AsSpan(equals + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                    ? value
                    : throw new ArgumentException($"--limit must be NAME=NUMBER such as units.units.least=20, got '{pair}'");
        }
        return limits;
    }

    private static LiteralReplacement Replacement(string pair)
    {
        int equals = pair.IndexOf('=', 1);
        return equals < 0
            ? throw new ArgumentException($"--replace must be OLD=NEW, got '{pair}'")
            : new(
                pair[..equals],
                pair[(equals + 1)..].Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\t", "\t", StringComparison.Ordinal)
            );
    }
}
