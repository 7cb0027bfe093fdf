using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>A GGUF file's tokenizer as Hugging Face's two files.</summary>
/// <param name="Json">tokenizer.json</param>
/// <param name="ConfigJson">tokenizer_config.json, with the chat template</param>
public sealed record GgufTokenizer(string Json, string ConfigJson)
{
    internal const string Prefix = "tokenizer.ggml.",
        Template = "tokenizer.chat_template";

    /// <summary>Kinds of tokens (tokenizer.ggml.token_type).</summary>
    internal const int Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6;

    private static readonly JsonSerializerOptions Relaxed = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>What llama.cpp will make of a directory's tokenizer once it is written; null where the directory has none.</summary>
    /// <param name="directory">where the files are</param>
    /// <param name="config">the model's config.json</param>
    /// <param name="shown">how complaints call the tokenizer; null: by its file</param>
    public static GgufTokenizer? AsWritten(string directory, HfConfig config, string? shown = null)
    {
        GgufMetadata m = new(shown ?? directory);
        GgufVocabulary.Write(directory, config, m, shown);
        return Read(m);
    }

    /// <summary>
    /// Reads it; null where the file holds none. llama.cpp changes no text before it cuts it, but transformers composes characters (NFC)
    /// for every model of the
    /// Qwen families, whatever their files say, so theirs are read that way.
    /// </summary>
    public static GgufTokenizer? Read(GgufMetadata m)
    {
        string? model = m.Text(Prefix + "model");
        if (model is null or "no_vocab" or "none")
        {
            return null;
        }
        string[] tokens =
            m.Texts(Prefix + "tokens")
            ?? throw new InvalidDataException($"{m.Source} has no \"{Prefix}tokens\"; its tokenizer cannot be read.");
        int[] types = m.Ints(Prefix + "token_type") ?? [.. tokens.Select(_ => Normal)];
        if (types.Length != tokens.Length)
        {
            throw new InvalidDataException($"{m.Source}: {tokens.Length} tokens have {types.Length} types.");
        }
        bool pieces = model == "llama";
        if (!pieces && model != "gpt2")
        {
            throw new InvalidDataException($"{m.Source}: {Prefix}model \"{model}\" is not known here; known are gpt2 and llama.");
        }
        JsonObject json = pieces ? SentencePieces.Tokenizer(m, tokens, types) : ByteLevelTokenizer(m, tokens, types);
        json["version"] = "1.0";
        json["truncation"] = null;
        json["padding"] = null;
        json["added_tokens"] = Added(tokens, types);
        // The names that begin texts by themselves: SentencePiece models and Llama 3.
        bool addBos = m.Bool(
            Prefix + "add_bos_token",
            pieces
                || m.Text(Prefix + "pre")
                    is "llama-bpe"
                        or "llama3"
                        or "llama-v3"
                        or "falcon3"
                        or "falcon-h1"
                        or "pixtral"
                        or "midm-2.0"
                        or "lfm2"
                        or "tekken"
                        or "chameleon"
        );
        bool addEos = m.Bool(Prefix + "add_eos_token", false);
        string? bos = Token(m, tokens, "bos_token_id"),
            eos = Token(m, tokens, "eos_token_id");
        json["post_processor"] = Ends(addBos ? bos : null, addEos ? eos : null, m);
        JsonObject config = new()
        {
            ["add_bos_token"] = addBos && bos is not null,
            ["add_eos_token"] = addEos && eos is not null,
            ["add_prefix_space"] = false,
            ["bos_token"] = bos,
            ["eos_token"] = eos,
            ["pad_token"] = Token(m, tokens, "padding_token_id"),
            ["unk_token"] = Token(m, tokens, "unknown_token_id"),
            ["clean_up_tokenization_spaces"] = false,
            ["model_max_length"] = m.Int($"{m.Text("general.architecture")}.context_length") ?? 1_000_000_000,
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
        };
        if (m.Text(Template) is { } template)
        {
            config["chat_template"] = template;
        }
        return new GgufTokenizer(json.ToJsonString(Relaxed), config.ToJsonString(Relaxed));
    }

    private static JsonObject ByteLevelTokenizer(GgufMetadata m, string[] tokens, int[] types)
    {
        string[] merges =
            m.Texts(Prefix + "merges")
            ?? throw new InvalidDataException($"{m.Source} has no \"{Prefix}merges\"; its tokenizer cannot be read.");
        (JsonNode steps, bool ignoresMerges) = TokenizerSplits.Steps(m.Text(Prefix + "pre") ?? "default", m.Source);
        bool qwen =
            m.Text(Prefix + "pre") == "qwen2" && m.Text("general.architecture")?.StartsWith("qwen", StringComparison.Ordinal) == true;
        return new JsonObject
        {
            ["normalizer"] = qwen ? new JsonObject { ["type"] = "NFC" } : null,
            ["pre_tokenizer"] = steps,
            ["decoder"] = TokenizerSplits.ByteLevel(useRegex: true),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = ignoresMerges,
                ["vocab"] = Vocabulary(tokens, types),
                ["merges"] = new JsonArray([.. merges.Select(merge => JsonValue.Create(merge))]),
            },
        };
    }

    /// <summary>Token to id; fillers are left out, and of two tokens with the same text the first counts.</summary>
    internal static JsonObject Vocabulary(string[] tokens, int[] types)
    {
        JsonObject vocabulary = [];
        for (int id = 0; id < tokens.Length; id++)
        {
            if (types[id] != Unused)
            {
                vocabulary.TryAdd(tokens[id], id);
            }
        }
        return vocabulary;
    }

    private static JsonArray Added(string[] tokens, int[] types)
    {
        JsonArray added = [];
        for (int id = 0; id < tokens.Length; id++)
        {
            if (types[id] is Control or UserDefined or Unknown && tokens[id].Length > 0)
            {
                added.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["id"] = id,
                            ["content"] = tokens[id],
                            ["single_word"] = false,
                            ["lstrip"] = false,
                            ["rstrip"] = false,
                            ["normalized"] = false,
                            ["special"] = types[id] != UserDefined,
                        }
                );
            }
        }
        return added;
    }

    private static JsonObject? Ends(string? bos, string? eos, GgufMetadata m)
    {
        if (bos is null && eos is null)
        {
            return null;
        }
        JsonArray single = [],
            pair = [];
        JsonObject special = [];
        foreach (
            (string? token, string? sequence, string key) in new (string?, string?, string)[]
            {
                (bos, null, "bos_token_id"),
                (null, "A", ""),
                (eos, null, "eos_token_id"),
            }
        )
        {
            if (sequence is not null)
            {
                single.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 },
                        }
                );
                pair.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 },
                        }
                );
                pair.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["Sequence"] = new JsonObject { ["id"] = "B", ["type_id"] = 0 },
                        }
                );
            }
            else if (token is not null)
            {
                single.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 },
                        }
                );
                pair.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 },
                        }
                );
                special[token] = new JsonObject
                {
                    ["id"] = token,
                    ["ids"] = new JsonArray(m.Int(Prefix + key)),
                    ["tokens"] = new JsonArray(token),
                };
            }
        }
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = single,
            ["pair"] = pair,
            ["special_tokens"] = special,
        };
    }

    private static string? Token(GgufMetadata m, string[] tokens, string key) =>
        m.Int(Prefix + key) is not { } id ? null
        : (uint)id < (uint)tokens.Length ? tokens[id]
        : throw new InvalidDataException($"{m.Source}: {Prefix}{key} is {id}, but there are {tokens.Length} tokens.");
}
