using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink data show</c>.</summary>
internal static class DataShow
{
    private const int LongestShown = 600;

    public static CliCommand Create()
    {
        Argument<string[]> paths = new("PATH")
        {
            Description = "files or folders of any format that ink reads",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<int> count = new("--count")
        {
            Description = "records to show",
            HelpName = "N",
            DefaultValueFactory = _ => 3,
        };
        Option<int> limit = new("--limit")
        {
            Description = "look at so many records only; 0: all",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<string> tokenizer = new("--tokenizer")
        {
            Description = "counts tokens, and reads what holds tokens instead of texts",
            HelpName = "PATH",
        };
        Option<string> page = new("--html") { Description = "writes an HTML page with plots too", HelpName = "FILE" };
        return new CliCommand(
            "show",
            "a few records as they read, and what all of them are: kinds, lengths, tokens a character",
            [paths, count, limit, tokenizer, page],
            Run,
            "ink data show conversations.jsonl --count 2",
            "ink data show mixed/pretrain.jsonl --tokenizer tok --html pretrain.html"
        );

        int Run(CommandContext call)
        {
            Tokenizer? t = call.Get(tokenizer) is { } path ? Models.Told(call, Tokenizer.Load(path)) : null;
            IReadOnlyList<string> files = InputFiles.Find(call.Get(paths)!);
            if (files.Any(TokenizedExamples.Are))
            {
                return Examples(
                    call,
                    files,
                    t ?? throw new ArgumentException($"{files[0]} holds tokens: give their tokenizer with --tokenizer"),
                    call.Between(count, 0, 1000)
                );
            }
            string? html = call.Get(page) is { } file
                ? call.ClaimFile(file, path => File.ReadAllText(path).Contains(SurveyPage.Mark, StringComparison.Ordinal), files)
                : null;
            DataSurvey survey = call.WithProgress(
                "show",
                bar =>
                    DataSurvey.Measure(
                        files,
                        call.Between(count, 0, 1000),
                        call.Between(limit, 0, int.MaxValue),
                        t is null ? null : text => t.Encode(text, false).Length,
                        n => bar.Report((0, Format.Text($"{n:N0} records"))),
                        call.Cancelled
                    )
            );
            if (html is not null)
            {
                AtomicFile.WriteText(html, SurveyPage.Write(string.Join(", ", call.Get(paths)!), survey));
            }
            return call.Result(Json(survey), o => Print(call, survey));
        }
    }

    private static JsonObject Json(DataSurvey s) =>
        new()
        {
            ["records"] = s.Records,
            ["kinds"] = Numbers(s.Kinds),
            ["unusable"] = Numbers(s.Unusable),
            ["keys"] = Numbers(s.Keys),
            ["characters"] = s.Characters,
            ["han_share"] = s.HanShare,
            ["tokens"] = s.Tokens,
            ["tokens_per_character"] = s.Tokens is { } tokens && s.Characters > 0 ? (double)tokens / s.Characters : null,
            ["lengths"] = s.Lengths is not { } l
                ? null
                : new JsonObject
                {
                    ["min"] = l.Min,
                    ["p25"] = l.P25,
                    ["median"] = l.Median,
                    ["p75"] = l.P75,
                    ["p95"] = l.P95,
                    ["p99"] = l.P99,
                    ["max"] = l.Max,
                    ["mean"] = l.Mean,
                },
            ["histogram"] = new JsonArray([
                .. s
                    .Histogram.Select((n, i) => (n, i))
                    .Where(b => b.n > 0)
                    .Select(b => new JsonObject { ["from"] = b.i == 0 ? 0 : 1L << b.i, ["records"] = b.n }),
            ]),
            ["shown"] = new JsonArray([
                .. s.Shown.Select(r => new JsonObject
                {
                    ["place"] = r.Place,
                    ["kind"] = r.Kind?.ToString().ToLowerInvariant(),
                    ["text"] = r.Text,
                }),
            ]),
        };

    private static JsonObject Numbers(IReadOnlyDictionary<string, long> numbers) =>
        new(numbers.Select(n => KeyValuePair.Create(n.Key, (JsonNode?)n.Value)));

    private static void Print(CommandContext call, DataSurvey s)
    {
        foreach (ShownRecord record in s.Shown)
        {
            call.Page.Write(
                new Rule(Markup.Escape($"{record.Kind?.ToString().ToLowerInvariant() ?? "record"} of {record.Place}")).LeftJustified()
            );
            call.Prose(
                record.Turns.Count == 0 ? Cut(record.Text) : string.Join('\n', record.Turns.Select(t => $"{t.Role}: {Cut(t.Content)}"))
            );
        }
        call.Page.Write(new Rule());
        call.Out.WriteLine(
            Format.Text(
                $"{s.Records:N0} records: {string.Join(", ", s.Kinds.Select(k => Format.Text($"{k.Value:N0} {k.Key}")))}; keys: {string.Join(", ", s.Keys.Keys)}"
            )
        );
        if (s.Unusable.Count > 0)
        {
            call.Out.WriteLine(
                "nothing to learn from: " + string.Join(", ", s.Unusable.Select(u => Format.Text($"{u.Key} ({u.Value:N0})")))
            );
        }
        if (s.Lengths is not { } l)
        {
            return;
        }
        call.Out.WriteLine(
            Format.Text(
                $"{s.Characters:N0} characters, {100 * s.HanShare:0} % of them Han{(s.Tokens is { } tokens ? Format.Text($"; {tokens:N0} tokens, {(double)tokens / Math.Max(1, s.Characters):0.000} a character") : "")}"
            )
        );
        call.Out.WriteLine(
            Format.Text(
                $"length in characters: {l.Min:N0} to {l.Max:N0}, mean {l.Mean:0.0}, median {l.Median:0}, 5 % are longer than {l.P95:0}, 1 % than {l.P99:0}"
            )
        );
        long most = s.Histogram.Max();
        int first = s.Histogram.Index().First(b => b.Item > 0).Index,
            last = s.Histogram.Index().Last(b => b.Item > 0).Index;
        for (int i = first; i <= last; i++)
        {
            call.Out.WriteLine(
                Format.Text(
                    $"{(i == 0 ? 0 : 1L << i), 10:N0} to {(1L << i + 1) - 1, 11:N0}  {new string('#', (int)Math.Ceiling(40.0 * s.Histogram[i] / most)), -40}  {s.Histogram[i]:N0}"
                )
            );
        }
    }

    private static int Examples(CommandContext call, IReadOnlyList<string> files, Tokenizer tokenizer, int count)
    {
        long examples = 0,
            tokens = 0,
            learned = 0;
        JsonArray shown = [];
        foreach ((string place, MaskedConversation example) in files.Where(TokenizedExamples.Are).SelectMany(TokenizedExamples.Read))
        {
            examples++;
            tokens += example.Ids.Length;
            learned += example.LossMask.Count(x => x);
            if (shown.Count < count)
            {
                int[] taught = [.. example.Ids.Where((_, i) => example.LossMask[i])];
                shown.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["place"] = place,
                            ["text"] = tokenizer.Decode(example.Ids),
                            ["learned"] = tokenizer.Decode(taught),
                            ["tokens"] = example.Ids.Length,
                        }
                );
            }
        }
        return call.Result(
            new JsonObject
            {
                ["examples"] = examples,
                ["tokens"] = tokens,
                ["learned"] = learned,
                ["shown"] = shown,
            },
            o =>
            {
                foreach (JsonNode? record in shown)
                {
                    call.Page.Write(new Rule(Markup.Escape($"{record!["place"]}: {record["tokens"]} tokens")).LeftJustified());
                    call.Prose(Format.Visible($"{record["text"]}"));
                    call.Prose("learned: " + Format.Visible($"{record["learned"]}"));
                }
                o.WriteLine(Format.Text($"{examples:N0} examples, {tokens:N0} tokens, {learned:N0} of them learned"));
            }
        );
    }

    private static string Cut(string text) =>
        Format.Visible(
            text.Length <= LongestShown
                ? text
                : string.Concat(text.AsSpan(0, LongestShown), Format.Text($" … ({text.Length - LongestShown:N0} more characters)"))
        );
}
