using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text;

/// <summary>
/// Tokens that stand only beside tokenizer.json, as transformers finds them: added_tokens_decoder of tokenizer_config.json, or (where that
/// is
/// missing) special_tokens_map.json and added_tokens.json; then the named special tokens and the lists of further ones.
/// </summary>
internal sealed class CompanionTokens
{
    private const string Decoder = "added_tokens_decoder",
        Additional = "additional_special_tokens",
        Extra = "extra_special_tokens";

    private static readonly string[] Named = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, int> _vocabulary;
    private readonly List<AddedToken> _tokens;
    private readonly List<AddedToken> _changed = [];

    private CompanionTokens(TokenizerJson parts) => (_vocabulary, _tokens) = (parts.Model.Ids, [.. parts.AddedTokens]);

    /// <summary>Tokens to add to tokenizer.json, or to have other flags than there; their ids are those that transformers gives
    /// them.</summary>
    /// <param name="parts">tokenizer.json</param>
    /// <param name="config">tokenizer_config.json with the roles of special_tokens_map.json</param>
    /// <param name="addedTokens">added_tokens.json</param>
    /// <returns>the tokens, and those among them that are new and stand nowhere but in a role such as eos_token, where they may be
    /// slips</returns>
    public static (IReadOnlyList<AddedToken> Tokens, IReadOnlyList<AddedToken> Undeclared) Find(
        TokenizerJson parts,
        JsonPart config,
        JsonPart addedTokens
    )
    {
        CompanionTokens found = new(parts);
        string[] named = [.. Named.Select(key => TokenizerConfig.Token(config[key])).OfType<string>()];
        JsonPart decoder = config[Decoder];
        foreach (JsonPart token in decoder.IsNull ? [] : decoder.Members().OrderBy(m => Id(m.Name, m.Value)).Select(m => m.Value))
        {
            found.SetToken(Token(token, special: token["special"].Flag()), change: true);
        }
        if (decoder.IsNull && !addedTokens.IsNull)
        {
            foreach ((string content, _) in addedTokens.Members().OrderBy(m => m.Value.Integer()))
            {
                bool special = named.Contains(content);
                found.SetToken(new(0, content, false, false, false, !special, special), change: true);
            }
        }
        int declared = found._changed.Count;
        found.PutSpecial(Named.Select(key => config[key]));
        AddedToken[] roles = [.. found._changed.Skip(declared)];
        JsonPart[] lists =
        [
            .. Listed(config[Extra], dictionary: true),
            .. Listed(config[Additional], dictionary: false),
            .. Listed(config[Extra], dictionary: false),
        ];
        found.PutSpecial(lists);
        string[] listed = [.. lists.Select(TokenizerConfig.Token).OfType<string>()];
        return (found._changed, [.. roles.Where(t => !found._vocabulary.ContainsKey(t.Content) && !listed.Contains(t.Content))]);
    }

    /// <summary>tokenizer.json with these tokens in it.</summary>
    public static byte[] AddTo(byte[] json, IReadOnlyList<AddedToken> tokens)
    {
        JsonNode root = JsonNode.Parse(json.AsSpan(json.AsSpan().StartsWith(System.Text.Encoding.UTF8.Preamble) ? 3 : 0))!;
        JsonArray list = root["added_tokens"]?.AsArray() ?? [];
        root["added_tokens"] = list.Parent is null ? list : root["added_tokens"];
        foreach (AddedToken token in tokens)
        {
            JsonNode written = new JsonObject
            {
                ["id"] = token.Id,
                ["content"] = token.Content,
                ["single_word"] = token.SingleWord,
                ["lstrip"] = token.LeftStrip,
                ["rstrip"] = token.RightStrip,
                ["normalized"] = token.Normalized,
                ["special"] = token.Special,
            };
            int place = list.ToList().FindIndex(t => t!["content"]!.GetValue<string>() == token.Content);
            if (place >= 0)
            {
                list[place] = written;
            }
            else
            {
                list.Add(written);
            }
        }
        using MemoryStream made = new();
        using (Utf8JsonWriter writer = new(made, TokenizerJsonWriter.Options))
        {
            root.WriteTo(writer);
        }
        return made.ToArray();
    }

    /// <summary>tokenizer_config.json with the roles and lists of special_tokens_map.json, which count where there is no
    /// added_tokens_decoder.</summary>
    public static byte[]? WithRoles(byte[]? config, string configFile, JsonPart map)
    {
        if (map.IsNull || (config != null && TokenizerConfig.Has(config, configFile, Decoder)))
        {
            return config;
        }
        JsonObject root =
            config == null
                ? []
                : JsonNode.Parse(config.AsSpan(config.AsSpan().StartsWith(System.Text.Encoding.UTF8.Preamble) ? 3 : 0))!.AsObject();
        foreach ((string key, JsonPart value) in map.Members())
        {
            JsonNode? node = JsonNode.Parse(value.Value.GetRawText());
            if (key == Additional && root[Additional] is JsonArray already && node is JsonArray more)
            {
                node = new JsonArray([
                    .. already.Concat(more).Select(t => t?.ToJsonString()).Distinct().Select(t => t == null ? null : JsonNode.Parse(t)),
                ]);
            }
            root[key] = node;
        }
        return System.Text.Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private void PutSpecial(IEnumerable<JsonPart> tokens)
    {
        foreach (JsonPart token in tokens.Where(t => !t.IsNull))
        {
            SetToken(Token(token, special: true), change: false);
        }
    }

    /// <summary>Adds a token that is not there; one that is there gets other flags only where <paramref name="change"/> says so.</summary>
    private void SetToken(AddedToken token, bool change)
    {
        int place = _tokens.FindIndex(t => t.Content == token.Content);
        if (token.Content.Length == 0 || (place >= 0 && !change))
        {
            return;
        }
        if (place >= 0)
        {
            // What was special once stays special.
            token = token with
            {
                Id = _tokens[place].Id,
                Special = token.Special || _tokens[place].Special,
            };
            if (token == _tokens[place])
            {
                return;
            }
            _tokens[place] = token;
        }
        else
        {
            token = token with
            {
                Id = _vocabulary.TryGetValue(token.Content, out int id)
                    ? id
                    : Math.Max(_vocabulary.Count, 1 + _tokens.Select(t => t.Id).DefaultIfEmpty(-1).Max()),
            };
            _tokens.Add(token);
        }
        _changed.Add(token);
    }

    /// <summary>A token is a string, or an object with its flags.</summary>
    private static AddedToken Token(JsonPart part, bool special) =>
        !part.IsObject
            ? new(0, part.Text(), false, false, false, !special, special)
            : new(
                0,
                part["content"].Text(),
                part["single_word"].Flag(),
                part["lstrip"].Flag(),
                part["rstrip"].Flag(),
                part["normalized"].Flag(ifAbsent: !special),
                special
            );

    private static IEnumerable<JsonPart> Listed(JsonPart part, bool dictionary) =>
        part.IsNull || part.IsObject != dictionary ? []
        : dictionary ? part.Members().Select(m => m.Value).Where(v => v.IsObject || v.IsText)
        : part.Items();

    private static int Id(string name, JsonPart token) =>
        int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw token.Wrong("must stand under a token's id");
}
