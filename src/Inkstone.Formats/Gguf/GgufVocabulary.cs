using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>From tokenizer.json and tokenizer_config.json to what llama.cpp needs to know of a tokenizer.</summary>
internal static class GgufVocabulary
{
    private const string Prefix = GgufTokenizer.Prefix;
    private const char Mark = '▁';

    /// <summary>Adds the pairs; the directory may have no tokenizer, and then the file says so.</summary>
    /// <param name="directory">where the files are</param>
    /// <param name="config">the model's config.json: its vocab_size is filled up with unused tokens</param>
    /// <param name="m">where to add</param>
    /// <param name="shown">how complaints call the tokenizer; null: by its file</param>
    public static void Write(string? directory, HfConfig config, GgufMetadata m, string? shown = null)
    {
        string file = Path.Combine(directory ?? "", "tokenizer.json");
        if (directory is null || !File.Exists(file))
        {
            m.Add(Prefix + "model", "no_vocab");
            return;
        }
        JsonNode json = Parse(file),
            settings = Parse(Path.Combine(directory, "tokenizer_config.json"));
        string template = Path.Combine(directory, "chat_template.jinja");
        try
        {
            Write(json, settings, File.Exists(template) ? File.ReadAllText(template) : null, config, m, shown ?? file);
        }
        catch (Exception fault)
            when (fault is InvalidOperationException or FormatException or NullReferenceException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"{shown ?? file} is no tokenizer that can be written as GGUF: {fault.Message.ReplaceLineEndings(" ")}",
                fault
            );
        }
    }

    private static void Write(JsonNode json, JsonNode settings, string? template, HfConfig config, GgufMetadata m, string file)
    {
        JsonNode model = json["model"] ?? throw new InvalidDataException($"{file} has no \"model\".");
        JsonObject vocabulary = model["vocab"]!.AsObject();
        JsonNode[] added = [.. (json["added_tokens"]?.AsArray() ?? []).Select(t => t!)];
        int size = config.Int("vocab_size");
        string[] tokens = [.. Enumerable.Range(0, size).Select(id => $"[PAD{id}]")];
        int[] types = [.. tokens.Select(_ => GgufTokenizer.Unused)];
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        foreach ((string token, JsonNode? id) in vocabulary)
        {
            Put(token, id!.GetValue<int>(), GgufTokenizer.Normal);
        }
        bool pieces =
            model["byte_fallback"]?.GetValue<bool>() == true
            && json["pre_tokenizer"]?.ToJsonString().Contains("\"ByteLevel\"", StringComparison.Ordinal) != true;
        foreach (JsonNode token in added)
        {
            string content = token["content"]!.GetValue<string>();
            bool special = token["special"]?.GetValue<bool>() == true || LooksSpecial(content);
            // Hugging Face finds an added token with a mark for a space in text as little as the mark itself: merges make it, as they make
            // any other.
            bool merged = pieces && !special && content.Contains(Mark) && vocabulary.ContainsKey(content);
            Put(
                content,
                token["id"]!.GetValue<int>(),
                special ? GgufTokenizer.Control
                    : merged ? GgufTokenizer.Normal
                    : GgufTokenizer.UserDefined
            );
        }
        foreach (string key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (!string.IsNullOrEmpty(Text(model[key])))
            {
                throw new InvalidDataException($"{file}: model.{key} is set, and GGUF cannot hold such a tokenizer.");
            }
        }
        (string Left, string Right)[] merges = [.. model["merges"]!.AsArray().Select(merge => Pair(merge!))];
        string? unknown = Text(model["unk_token"]) ?? Text(settings["unk_token"]);
        m.Add(Prefix + "model", pieces ? "llama" : "gpt2");
        m.Add(
            Prefix + "pre",
            pieces ? "default" : TokenizerSplits.Name(json["pre_tokenizer"], model["ignore_merges"]?.GetValue<bool>() == true, file)
        );
        m.Add(Prefix + "tokens", tokens);
        if (pieces)
        {
            m.Add(Prefix + "scores", Scores(tokens, types, ids, merges, unknown));
            m.Add(
                Prefix + "add_space_prefix",
                Steps(json["normalizer"], "normalizers").Any(s => Text(s["type"]) == "Prepend")
                    || Steps(json["pre_tokenizer"], "pretokenizers")
                        .Any(s =>
                            Text(s["type"]) == "Metaspace"
                            && Text(s["prepend_scheme"]) != "never"
                            && s["add_prefix_space"]?.GetValue<bool>() != false
                        )
            );
        }
        m.Add(Prefix + "token_type", types);
        if (!pieces)
        {
            m.Add(Prefix + "merges", merges.Select(merge => $"{merge.Left} {merge.Right}").ToArray());
        }
        // What the post-processor puts around a text counts, whatever the settings say; llama.cpp can put one token on each side.
        (List<int> before, List<int> behind) = Around(json["post_processor"]);
        foreach (
            (string role, int? put) in new[]
            {
                ("bos", before.Count > 0 ? before[0] : (int?)null),
                ("eos", behind.Count > 0 ? behind[0] : null),
            }
        )
        {
            int? named =
                Text(settings[$"{role}_token"]) is { } token && ids.TryGetValue(token, out int own) ? own
                : config.Ints($"{role}_token_id") is [int first, ..] ? first
                : null;
            // The end token also ends generation, so another one that is only put behind texts does not take its place.
            int? id = role == "bos" ? put ?? named : named ?? put;
            if (id is { } known)
            {
                m.Add($"{Prefix}{role}_token_id", (uint)known);
            }
            m.Add($"{Prefix}add_{role}_token", put is not null && put == id);
        }
        AddId(unknown, "unknown_token_id");
        AddId(Text(settings["pad_token"]), "padding_token_id");
        if ((template ?? Template(settings["chat_template"])) is { } found)
        {
            m.Add(GgufTokenizer.Template, found);
        }

        void Put(string token, int id, int type)
        {
            if ((uint)id >= (uint)size)
            {
                throw new InvalidDataException($"{file}: token \"{token}\" has the id {id}, but the model's vocab_size is {size}.");
            }
            (tokens[id], types[id], ids[token]) = (token, type, id);
        }

        void AddId(string? token, string key)
        {
            if (token is not null && ids.TryGetValue(token, out int id))
            {
                m.Add(Prefix + key, (uint)id);
            }
        }
    }

    /// <summary>SentencePiece merges the pair with the highest score first: a token's score is minus the place of the first merge that
    /// makes it.</summary>
    private static float[] Scores(
        string[] tokens,
        int[] types,
        Dictionary<string, int> ids,
        (string Left, string Right)[] merges,
        string? unknown
    )
    {
        float[] scores = [.. tokens.Select(_ => -1e9f)];
        for (int rank = merges.Length - 1; rank >= 0; rank--)
        {
            if (ids.TryGetValue(merges[rank].Left + merges[rank].Right, out int id))
            {
                scores[id] = -rank;
            }
        }
        for (int id = 0; id < tokens.Length; id++)
        {
            types[id] =
                tokens[id] == unknown ? GgufTokenizer.Unknown
                : types[id] == GgufTokenizer.Normal && tokens[id] is ['<', '0', 'x', _, _, '>'] ? GgufTokenizer.Byte
                : types[id];
            scores[id] = types[id] == GgufTokenizer.Normal ? scores[id] : 0;
        }
        return scores;
    }

    /// <summary>An added token that llama.cpp's converter takes for special, whatever its flag says.</summary>
    private static bool LooksSpecial(string token) =>
        token is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || (token.StartsWith("<|", StringComparison.Ordinal) && token.EndsWith("|>", StringComparison.Ordinal))
        || (token.StartsWith("<｜", StringComparison.Ordinal) && token.EndsWith("｜>", StringComparison.Ordinal))
        || (token.StartsWith("<unused", StringComparison.Ordinal) && token.EndsWith('>'));

    /// <summary>Ids that a post_processor puts before and behind a text.</summary>
    private static (List<int> Before, List<int> Behind) Around(JsonNode? processor)
    {
        (List<int> before, List<int> behind) = ([], []);
        foreach (JsonNode step in Steps(processor, "processors"))
        {
            if (step["cls"] is { } cls && step["sep"] is { } sep)
            {
                before.Insert(0, cls[1]!.GetValue<int>());
                behind.Add(sep[1]!.GetValue<int>());
                continue;
            }
            List<int> side = [];
            foreach (JsonNode? piece in step["single"]?.AsArray() ?? [])
            {
                if (piece?["SpecialToken"]?["id"]?.GetValue<string>() is { } special)
                {
                    side.AddRange(step["special_tokens"]![special]!["ids"]!.AsArray().Select(id => id!.GetValue<int>()));
                }
                else
                {
                    before.InsertRange(0, side);
                    side = [];
                }
            }
            behind.AddRange(side);
        }
        return (before, behind);
    }

    private static IEnumerable<JsonNode> Steps(JsonNode? step, string members) =>
        step is null ? []
        : Text(step["type"]) == "Sequence" ? step[members]!.AsArray().SelectMany(s => Steps(s, members))
        : [step];

    private static (string Left, string Right) Pair(JsonNode merge)
    {
        string[] sides = merge is JsonArray array
            ? [.. array.Select(side => side!.GetValue<string>())]
            : merge.GetValue<string>().Split(' ');
        return sides.Length == 2 ? (sides[0], sides[1]) : throw new FormatException($"the merge {merge.ToJsonString()} has not two sides");
    }

    private static string? Text(JsonNode? token) => token is JsonObject ? token["content"]?.GetValue<string>() : token?.GetValue<string>();

    private static string? Template(JsonNode? node) =>
        node is JsonArray named
            ? named.Where(t => t?["name"]?.GetValue<string>() == "default").Select(t => t!["template"]?.GetValue<string>()).FirstOrDefault()
            : node?.GetValue<string>();

    private static JsonNode Parse(string file)
    {
        try
        {
            return File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file)) ?? new JsonObject() : new JsonObject();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{file}:{1 + (e.LineNumber ?? 0)}: this is not valid JSON; download or write the file again.",
                e
            );
        }
    }
}
