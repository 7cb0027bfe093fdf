using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>From tokenizer.json and tokenizer_config.json to what llama.cpp needs to know of a tokenizer.</summary>
internal static class GgufVocabulary
{
    private const string Prefix = GgufTokenizer.Prefix;

    /// <summary>Adds the pairs; the directory may have no tokenizer, and then the file says so.</summary>
    /// <param name="directory">where the files are</param>
    /// <param name="config">the model's config.json: its vocab_size is filled up with unused tokens</param>
    /// <param name="m">where to add</param>
    public static void Write(string? directory, HfConfig config, GgufMetadata m)
    {
        string file = Path.Combine(directory ?? "", "tokenizer.json");
        if (directory is null || !File.Exists(file))
        {
            m.Add(Prefix + "model", "no_vocab");
            return;
        }
        JsonNode json = Parse(file), settings = Parse(Path.Combine(directory, "tokenizer_config.json"));
        string template = Path.Combine(directory, "chat_template.jinja");
        try
        {
            Write(json, settings, File.Exists(template) ? File.ReadAllText(template) : null, config, m, file);
        }
        catch (Exception fault) when (fault is InvalidOperationException or FormatException or NullReferenceException or KeyNotFoundException)
        {
            throw new InvalidDataException($"{file} is no tokenizer that can be written as GGUF: {fault.Message.ReplaceLineEndings(" ")}", fault);
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
        foreach (JsonNode token in added)
        {
            Put(token["content"]!.GetValue<string>(), token["id"]!.GetValue<int>(), token["special"]?.GetValue<bool>() == true ? GgufTokenizer.Control : GgufTokenizer.UserDefined);
        }
        (string Left, string Right)[] merges = [.. model["merges"]!.AsArray().Select(merge => Pair(merge!))];
        string? unknown = Text(model["unk_token"]) ?? Text(settings["unk_token"]);
        bool pieces = model["byte_fallback"]?.GetValue<bool>() == true;
        m.Add(Prefix + "model", pieces ? "llama" : "gpt2");
        m.Add(Prefix + "pre", pieces ? "default" : TokenizerSplits.Name(json["pre_tokenizer"], model["ignore_merges"]?.GetValue<bool>() == true, file));
        m.Add(Prefix + "tokens", tokens);
        if (pieces)
        {
            m.Add(Prefix + "scores", Scores(tokens, types, ids, merges, unknown));
            m.Add(Prefix + "add_space_prefix", json["normalizer"]?.ToJsonString().Contains("\"Prepend\"", StringComparison.Ordinal) == true);
        }
        m.Add(Prefix + "token_type", types);
        if (!pieces)
        {
            m.Add(Prefix + "merges", merges.Select(merge => $"{merge.Left} {merge.Right}").ToArray());
        }
        string post = json["post_processor"]?["single"]?.ToJsonString() ?? "";
        foreach ((string key, string role) in new[] { ("bos_token", "bos"), ("eos_token", "eos") })
        {
            string? token = Text(settings[key]);
            int? id = token is not null && ids.TryGetValue(token, out int named) ? named : config.Ints($"{role}_token_id") is [int first, ..] ? first : null;
            if (id is { } known)
            {
                m.Add($"{Prefix}{role}_token_id", (uint)known);
            }
            m.Add($"{Prefix}add_{role}_token", token is not null
                && (settings[$"add_{role}_token"]?.GetValue<bool>() == true || post.Contains(JsonValue.Create(token).ToJsonString(), StringComparison.Ordinal)));
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

    /// <summary>SentencePiece merges the pair with the highest score first: a token's score is minus the place of the first merge that makes it.</summary>
    private static float[] Scores(string[] tokens, int[] types, Dictionary<string, int> ids, (string Left, string Right)[] merges, string? unknown)
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
            types[id] = tokens[id] == unknown ? GgufTokenizer.Unknown
                : types[id] == GgufTokenizer.Normal && tokens[id] is ['<', '0', 'x', _, _, '>'] ? GgufTokenizer.Byte : types[id];
            scores[id] = types[id] == GgufTokenizer.Normal ? scores[id] : 0;
        }
        return scores;
    }

    private static (string Left, string Right) Pair(JsonNode merge)
    {
        string[] sides = merge is JsonArray array ? [.. array.Select(side => side!.GetValue<string>())] : merge.GetValue<string>().Split(' ');
        return sides.Length == 2 ? (sides[0], sides[1]) : throw new FormatException($"the merge {merge.ToJsonString()} has not two sides");
    }

    private static string? Text(JsonNode? token) => token is JsonObject ? token["content"]?.GetValue<string>() : token?.GetValue<string>();

    private static string? Template(JsonNode? node) => node is JsonArray named
        ? named.Where(t => t?["name"]?.GetValue<string>() == "default").Select(t => t!["template"]?.GetValue<string>()).FirstOrDefault() : node?.GetValue<string>();

    private static JsonNode Parse(string file)
    {
        try
        {
            return File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file)) ?? new JsonObject() : new JsonObject();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
