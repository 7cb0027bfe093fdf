using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Server;
using Inkstone.Text;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Studio;

/// <summary>Texts as tokens: how a text is cut and merged, and conversations with what is learned of them.</summary>
internal sealed class TextRoutes(StudioFolder folder, ModelDesk desk)
{
    private const int MostRecords = 50,
        MostText = 100_000,
        MostShown = 20_000;

    /// <summary>GET /api/data: the files that can be looked at.</summary>
    public Task FilesAsync(HttpContext http) =>
        Wire.SendAsync(
            http,
            new JsonObject
            {
                ["files"] = Wire.Array(
                    folder
                        .Look()
                        .Data.Select(
                            JsonNode (d) =>
                                new JsonObject
                                {
                                    ["name"] = d.Name,
                                    ["path"] = d.Path,
                                    ["bytes"] = new FileInfo(d.Path).Length,
                                }
                        )
                ),
            }
        );

    /// <summary>POST /api/tokens {run, text, special}: words, their tokens and merges.</summary>
    public async Task TokensAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        Tokenizer tokenizer = desk.Tokenizer(folder.Run(body.NeededText("run")));
        string text = Limited(body.NeededText("text"));
        IReadOnlyList<TokenizedWord> words = tokenizer.Explain(text, body.Flag("special") ?? true);
        await Wire.SendAsync(
                http,
                new JsonObject
                {
                    ["vocabulary"] = tokenizer.VocabularySize,
                    ["bytes"] = Encoding.UTF8.GetByteCount(text),
                    ["characters"] = text.EnumerateRunes().Count(),
                    ["count"] = words.Sum(w => w.Ids.Length),
                    ["words"] = Wire.Array(
                        words.Select(
                            JsonNode (word) =>
                                new JsonObject
                                {
                                    ["text"] = Encoding.UTF8.GetString(word.Text),
                                    ["why"] = word.Origin.ToString(),
                                    ["tokens"] = Tokens(tokenizer, word.Ids),
                                    ["start"] = Symbols(tokenizer, word.Symbols),
                                    ["merges"] = Wire.Array(
                                        word.Merges.Select(
                                            JsonNode (m) =>
                                                new JsonObject
                                                {
                                                    ["rank"] = m.Rank,
                                                    ["at"] = m.At,
                                                    ["symbols"] = Symbols(tokenizer, m.Symbols),
                                                }
                                        )
                                    ),
                                }
                        )
                    ),
                }
            )
            .ConfigureAwait(false);
    }

    /// <summary>POST /api/data {run, file | text, from, count}: records as tokens, with what is learned of conversations.</summary>
    public async Task RecordsAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        Tokenizer tokenizer = desk.Tokenizer(folder.Run(body.NeededText("run")));
        int from = body.Whole("from", 0) ?? 0,
            count = body.Whole("count", 1, MostRecords) ?? 5;
        IEnumerable<(string Place, JsonObject? Record, string Text)> records = body.Text("text") is { } pasted
            ? Pasted(Limited(pasted))
            : Read(folder.DataFile(body.NeededText("file")));
        JsonArray shown = [];
        foreach ((string place, JsonObject? record, string text) in records.Skip(from).Take(count))
        {
            shown.Add((JsonNode)Show(tokenizer, place, record, text));
        }
        await Wire.SendAsync(http, new JsonObject { ["from"] = from, ["records"] = shown }).ConfigureAwait(false);
    }

    private static IEnumerable<(string Place, JsonObject? Record, string Text)> Pasted(string text)
    {
        if (text.TrimStart() is not ['{' or '[', ..])
        {
            return [("", null, text)];
        }
        try
        {
            return
            [
                .. (
                    JsonNode.Parse(text) is JsonArray list && list.All(item => item is JsonObject record && !record.ContainsKey("role"))
                        ? list.Select(item => item!.AsObject())
                        : [JsonNode.Parse(text) as JsonObject ?? new JsonObject { ["messages"] = JsonNode.Parse(text) }]
                ).Select((record, i) => ($"{i + 1}", (JsonObject?)record, "")),
            ];
        }
        catch (JsonException fault)
        {
            throw new ApiException(400, $"the text begins as JSON does, and is none: {fault.Message}");
        }
    }

    private static IEnumerable<(string Place, JsonObject? Record, string Text)> Read(string file)
    {
        string name = Path.GetFileName(file);
        return name.Contains(".txt", StringComparison.Ordinal)
            ? new DocumentReader(new ReadOptions()).Read([file]).Select(d => ($"{d.Source}:{d.Line}", (JsonObject?)null, d.Text))
            : JsonRecords.Read(file, []).Select(r => (r.Place, (JsonObject?)r.Record, ""));
    }

    /// <summary>A conversation with its masks, both answers of a preference, or the longest text of a record.</summary>
    private static JsonObject Show(Tokenizer tokenizer, string place, JsonObject? record, string text)
    {
        JsonArray examples = [];
        string? why = null;
        bool known = false;
        if (record is not null)
        {
            try
            {
                foreach (JsonObject example in Learned(tokenizer, place, record, out known))
                {
                    examples.Add((JsonNode)example);
                }
            }
            catch (Exception fault) when (fault is FormatException or InvalidDataException or Jinja.TemplateException)
            {
                why = known ? fault.Message : null;
            }
            text =
                record
                    .Select(p => p.Value is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "")
                    .MaxBy(t => t.Length)
                ?? "";
        }
        if (examples.Count == 0)
        {
            // A text of pretraining is learned whole, but for its first token, which nothing predicts.
            int[] ids = tokenizer.Encode(text.Length > MostShown ? text[..MostShown] : text);
            examples.Add((JsonNode)Example(tokenizer, ids, [.. ids.Select((_, i) => why is null && i > 0)]));
        }
        return new JsonObject
        {
            ["place"] = place,
            ["problem"] = why,
            ["conversation"] = known && why is null,
            ["examples"] = examples,
            ["record"] = record is null ? null : Cut(record.ToJsonString()),
        };
    }

    /// <summary>What is learned of a conversation, or of the two answers of a preference, of which both are compared.</summary>
    /// <param name="tokenizer">the tokenizer</param>
    /// <param name="place">where the record was read</param>
    /// <param name="record">the record</param>
    /// <param name="known">whether its form is one of these</param>
    private static IReadOnlyList<JsonObject> Learned(Tokenizer tokenizer, string place, JsonObject record, out bool known)
    {
        known = false;
        if (record.ContainsKey("chosen") && record.ContainsKey("rejected"))
        {
            PreferenceRecord pair = PreferenceReader.ParsePair(place, record);
            known = true;
            PreferenceExample example = new PreferenceTokens(tokenizer, () => ChatTemplate.For(tokenizer), null).Encode(pair).Example;
            return
            [
                .. example.Answers.Zip(
                    ["chosen", "rejected"],
                    (answer, which) =>
                    {
                        JsonObject shown = Example(
                            tokenizer,
                            [.. example.Prompt, .. answer],
                            [.. example.Prompt.Select(_ => false), .. answer.Select(_ => true)]
                        );
                        shown["answer"] = which;
                        return shown;
                    }
                ),
            ];
        }
        Conversation conversation = ConversationReader.Parse(place, record);
        known = true;
        return
        [
            .. new ChatMasks(ChatTemplate.For(tokenizer), tokenizer)
                .Mask(conversation.Messages, conversation.Tools, conversation.TemplateVariables)
                .Select(e => Example(tokenizer, e.Ids, e.LossMask)),
        ];
    }

    private static JsonObject Example(Tokenizer tokenizer, int[] ids, bool[] learned) =>
        new()
        {
            ["count"] = ids.Length,
            ["learned"] = learned.Count(l => l),
            ["tokens"] = Tokens(tokenizer, ids.Length > MostShown ? ids[..MostShown] : ids),
            ["mask"] = new string([.. learned.Take(MostShown).Select(l => l ? '1' : '0')]),
        };

    /// <summary>Tokens as [id, text]: together the texts are the text, so a character made of several tokens stands with its last
    /// one.</summary>
    internal static JsonArray Tokens(Tokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        JsonArray tokens = [];
        StreamDecoder decoder = new(tokenizer, skipSpecialTokens: false);
        foreach (int id in ids)
        {
            tokens.Add((JsonNode)new JsonArray(id, decoder.Add(id) + decoder.Settle()));
        }
        return tokens;
    }

    /// <summary>Tokens as [id, text], each by itself.</summary>
    private static JsonArray Symbols(Tokenizer tokenizer, int[] ids) =>
        Wire.Array(ids.Select(JsonNode (id) => new JsonArray(id, Bytes(tokenizer, id))));

    /// <summary>A token by itself; bytes that are no text are written &lt;E4&gt;.</summary>
    internal static string Bytes(Tokenizer tokenizer, int id)
    {
        ReadOnlySpan<byte> bytes = tokenizer.Exists(id) ? tokenizer.TokenBytes(id) : [];
        return System.Text.Unicode.Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : string.Concat(Convert.ToHexString(bytes).Chunk(2).Select(pair => $"<{new string(pair)}>"));
    }

    private static string Limited(string text) =>
        text.Length <= MostText ? text : throw new ApiException(413, $"the text has {text.Length} characters; the page takes {MostText}.");

    private static string Cut(string text) => text.Length > MostShown ? text[..MostShown] + "…" : text;
}
