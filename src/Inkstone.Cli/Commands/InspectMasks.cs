using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink inspect PATH --masks FILE</c>: conversations as tokens, and which of them a model learns to write.</summary>
internal static class InspectMasks
{
    /// <summary>Tells a page of ours from others.</summary>
    private const string Generator = "<meta name=\"generator\" content=\"ink inspect\">";

    /// <summary>Prints the first <paramref name="count"/> conversations of <paramref name="file"/>, and writes a page where one is
    /// wanted.</summary>
    public static int Show(CommandContext call, string path, string file, int count, string? page, string? template, JsonObject? variables)
    {
        Tokenizer tokenizer = Sft.WithTemplate(Models.Tokenizer(path, call), template);
        ChatMasks masks = new(ChatTemplate.For(tokenizer), tokenizer, new ChatMaskOptions(Variables: variables));
        ConversationReader reader = new();
        List<Shown> shown = [.. reader.Read([file]).Take(count).SelectMany(c => Show(c, masks, tokenizer))];
        foreach (SkippedRecords skipped in reader.Report.Skipped)
        {
            call.Warn(skipped.Sentence("record", "skipped"));
        }
        if (page is not null)
        {
            AtomicFile.WriteText(
                call.ClaimFile(
                    page,
                    existing => File.ReadLines(existing).Any(line => line.Contains(Generator, StringComparison.Ordinal)),
                    file,
                    path
                ),
                Page(file, shown)
            );
            call.Say($"written: {page}");
        }
        JsonArray skips =
        [
            .. reader.Report.Skipped.Select(s =>
                (JsonNode)
                    new JsonObject
                    {
                        ["reason"] = s.Reason,
                        ["count"] = s.Count,
                        ["places"] = new JsonArray([.. s.Places.Select(p => (JsonNode)p)]),
                    }
            ),
        ];
        return call.Result(
            new JsonObject { ["conversations"] = new JsonArray([.. shown.Select(s => (JsonNode)s.Json())]), ["skipped"] = skips },
            o => Print(call, o, shown)
        );
    }

    /// <summary>A conversation that is learned turn by turn shows each of its examples.</summary>
    private static IEnumerable<Shown> Show(Conversation conversation, ChatMasks masks, Tokenizer tokenizer)
    {
        IReadOnlyList<MaskedConversation> examples = ConversationSet.Mask(conversation, masks);
        return examples.Select(
            (example, i) =>
                new Shown(
                    examples.Count == 1 ? conversation.Place : $"{conversation.Place} (answer {i + 1} of {examples.Count})",
                    example,
                    tokenizer
                )
        );
    }

    private static void Print(CommandContext call, TextWriter o, List<Shown> shown)
    {
        bool colours = call.Page.Profile.Capabilities.ColorSystem != ColorSystem.NoColors;
        foreach (Shown conversation in shown)
        {
            o.WriteLine(
                Format.Text(
                    $"{conversation.Place}: {conversation.Masked.Ids.Length} tokens, {conversation.Learned} learned {(colours ? "(green; shades change with each token)" : "(between ⟦ and ⟧; · is between tokens)")}"
                )
            );
            StringBuilder text = new();
            bool inside = false;
            for (int i = 0; i < conversation.Texts.Length; i++)
            {
                bool learned = conversation.Masked.LossMask[i];
                if (colours)
                {
                    string style =
                        learned ? (i % 2 == 0 ? "black on green" : "black on lime")
                        : i % 2 == 0 ? "grey"
                        : "silver";
                    text.Append($"[{style}]").Append(Markup.Escape(conversation.Texts[i])).Append("[/]");
                    continue;
                }
                text.Append(
                        learned == inside ? (i > 0 ? "·" : "")
                        : learned ? "⟦"
                        : "⟧"
                    )
                    .Append(conversation.Texts[i]);
                inside = learned;
            }
            text.Append(inside ? "⟧" : "");
            if (colours)
            {
                call.Page.MarkupLine(text.ToString());
            }
            else
            {
                o.WriteLine(text);
            }
            o.WriteLine();
        }
    }

    private static string Page(string file, List<Shown> shown)
    {
        StringBuilder html = new(
            $$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">{{Generator}}<title>what is learned: {{Escape(Path.GetFileName(file))}}</title>
            <style>
            body { font: 15px/1.7 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
            pre { white-space: pre-wrap; word-break: break-word; font: 14px/1.9 ui-monospace, monospace; border: 1px solid #ddd; border-radius: 6px; padding: 1em }
            span { border-radius: 3px; color: #888 } span:nth-child(even) { background: #f4f4f4 }
            span.learned { color: #063; background: #c9efd2 } span.learned:nth-child(even) { background: #aee5bc }
            </style></head><body>
            <h1>What is learned</h1>
            <p>Green tokens are learned, grey ones are only read. Hover over a token to see its id.</p>

            """
        );
        foreach (Shown conversation in shown)
        {
            html.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"<h2>{Escape(conversation.Place)}</h2>\n<p>{conversation.Masked.Ids.Length} tokens, {conversation.Learned} learned</p>\n<pre>"
            );
            for (int i = 0; i < conversation.Texts.Length; i++)
            {
                html.Append(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"<span{(conversation.Masked.LossMask[i] ? " class=\"learned\"" : "")} title=\"{conversation.Masked.Ids[i]}\">{Escape(conversation.Texts[i])}</span>"
                );
            }
            html.Append("</pre>\n");
        }
        return html.Append("</body></html>\n").ToString();
    }

    private static string Escape(string text) => System.Net.WebUtility.HtmlEncode(text);

    /// <summary>A conversation with the text of each token; a character made of several tokens stands with its last one.</summary>
    private sealed class Shown
    {
        public Shown(string place, MaskedConversation masked, Tokenizer tokenizer)
        {
            (Place, Masked) = (place, masked);
            StreamDecoder decoder = new(tokenizer, skipSpecialTokens: false);
            Texts = [.. masked.Ids.Select(id => (decoder.Add(id) + decoder.Settle()).Replace("\n", "⏎\n", StringComparison.Ordinal))];
        }

        public string Place { get; }

        public MaskedConversation Masked { get; }

        public string[] Texts { get; }

        public int Learned => Masked.LossMask.Count(l => l);

        public JsonObject Json() =>
            new()
            {
                ["place"] = Place,
                ["ids"] = new JsonArray([.. Masked.Ids.Select(id => (JsonNode)id)]),
                ["mask"] = new JsonArray([.. Masked.LossMask.Select(l => (JsonNode)(l ? 1 : 0))]),
            };
    }
}
