using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Inkstone.Files;

namespace Inkstone.Text;

/// <summary>
/// A byte-level or SentencePiece-style BPE tokenizer as Hugging Face's tokenizer.json describes it; ids and texts equal theirs.
/// All members may be called from several threads at once.
/// </summary>
public sealed partial class Tokenizer
{
    private const string JsonName = TokenizerFiles.JsonName,
        ConfigName = TokenizerFiles.ConfigName,
        TemplateName = TokenizerFiles.TemplateName;

    private readonly byte[] _json;
    private readonly byte[]? _config;
    private readonly TokenizerJson _parts;
    private readonly AddedTokenMatcher _added;
    private readonly AddedTokenMatcher _addedNormalized;
    private readonly Dictionary<string, int> _addedIds = new(StringComparer.Ordinal);
    private readonly bool[] _special;
    private readonly Normalizer? _continuing;
    private readonly int[] _prefix;
    private readonly int[] _suffix;
    private readonly List<string> _notices = [];
    private readonly ConcurrentBag<EncodeScratch> _scratch = [];

    private Tokenizer(TokenizerFiles files)
    {
        (_json, _config, _parts) = (files.Json, files.Config, files.Parts);
        string configFile = files.ConfigFile;
        _continuing = _parts.Normalizer?.Continuing;
        _added = new(_parts.AddedTokens.Where(t => !t.Normalized).Select(t => (t, Encoding.UTF8.GetBytes(t.Content))));
        _addedNormalized = new(
            _parts.AddedTokens.Where(t => t.Normalized).Select(t => (t, Normalized(Encoding.UTF8.GetBytes(t.Content)).ToArray()))
        );
        Decoder = new TokenDecoder(DecodedTokens(), _parts.DecoderSteps);
        _special = new bool[_parts.Tokens.Length];
        foreach (AddedToken token in _parts.AddedTokens)
        {
            _addedIds[token.Content] = token.Id;
            _special[token.Id] |= token.Special;
        }
        VocabularyHash = VocabularyFingerprint.Compute(_parts.Tokens, Decoder, _parts.Model.Merges);
        TokenizerConfig? roles = _config == null ? null : TokenizerConfig.Read(_config, configFile);
        BosId = Role(roles?.Bos, "bos_token", configFile);
        EosId = Role(roles?.Eos, "eos_token", configFile);
        PadId = Role(roles?.Pad, "pad_token", configFile);
        ChatTemplate = files.ChatTemplate ?? roles?.ChatTemplate;
        SeparateChatTemplate = files.ChatTemplate;
        ClassName = roles?.ClassName;
        foreach (AddedToken token in files.Undeclared)
        {
            _notices.Add(
                $"{configFile}: '{token.Content}' has a role, but no file lists it as a token; it is added with the id {token.Id}, as transformers does, so correct it if that is a slip"
            );
        }
        (_prefix, _suffix) = ([.. _parts.Prefix], [.. _parts.Suffix]);
        Heed("bos", roles?.AddBos, BosId, _prefix);
        Heed("eos", roles?.AddEos, EosId, _suffix);

        void Heed(string role, bool? asked, int? id, int[] added)
        {
            if (asked is { } wanted && id is { } token && wanted != added.Contains(token))
            {
                _notices.Add(
                    $"{configFile}: add_{role}_token is {(wanted ? "true" : "false")}, but the post_processor of {JsonName} {(wanted ? "does not add" : "adds")} '{IdToToken(token)}'; "
                        + "the post_processor counts, as in transformers 5 (some tokenizers of transformers 4 heed the key)"
                );
            }
        }
    }

    /// <summary>Highest id + 1, added tokens included.</summary>
    public int VocabularySize => _parts.Tokens.Length;

    /// <summary>The same for every tokenizer with the same token bytes, ids and merges, on every machine.</summary>
    public ulong VocabularyHash { get; }

    /// <summary>The token that begins a text, as tokenizer_config.json names it.</summary>
    public int? BosId { get; }

    /// <summary>The token that ends a text or a turn.</summary>
    public int? EosId { get; }

    /// <summary>The token that fills up batches.</summary>
    public int? PadId { get; }

    /// <summary>The tokenizer's class in transformers, as tokenizer_config.json names it.</summary>
    public string? ClassName { get; }

    /// <summary>What the files say and this tokenizer reads otherwise than one may expect, a sentence each.</summary>
    public IReadOnlyList<string> Notices => _notices;

    /// <summary>Jinja template of conversations.</summary>
    public string? ChatTemplate { get; }

    /// <summary>The chat template, when it came as a file of its own.</summary>
    internal string? SeparateChatTemplate { get; }

    /// <summary>tokenizer_config.json as it was read.</summary>
    internal byte[]? ConfigJson => _config;

    internal TokenDecoder Decoder { get; }

    /// <summary>Loads a directory that holds a tokenizer.json, or such a file; tokenizer_config.json and chat_template.jinja beside it are
    /// read too.</summary>
    public static Tokenizer Load(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, JsonName) : path;
        if (!File.Exists(file))
        {
            string? gguf = Directory.Exists(path)
                ? Directory.EnumerateFiles(path, "*.gguf").Order(StringComparer.Ordinal).FirstOrDefault()
                : null;
            throw new FileNotFoundException(
                $"there is no tokenizer at '{file}'; give {(gguf is null ? "a tokenizer.json or a directory that holds one" : $"the file {gguf} itself")}.",
                file
            );
        }
        return new Tokenizer(TokenizerFiles.Read(file));
    }

    /// <summary>Loads MicroLM's vocab.json and merge.txt; special tokens without an id get the next ones. The first special token ends a
    /// text.</summary>
    public static Tokenizer LoadMicroLm(string vocabJson, string mergeTxt, IReadOnlyList<string> specialTokens)
    {
        byte[] json = MicroLmFiles.Read(vocabJson, mergeTxt, specialTokens);
        TokenizerJson parts = new(json, vocabJson);
        return FromJson(json, TokenizerConfig.Write(null, specialTokens.Count > 0 ? specialTokens[0] : null, null, parts.AddedTokens));
    }

    /// <summary>A tokenizer from the contents of tokenizer.json and tokenizer_config.json.</summary>
    /// <param name="json">the first</param>
    /// <param name="config">the second</param>
    /// <param name="source">where they come from, for messages</param>
    public static Tokenizer FromJson(byte[] json, byte[] config, string source) =>
        new(TokenizerFiles.Create(json, $"{source}: {JsonName}", config, $"{source}: {ConfigName}", null));

    /// <summary>A tokenizer from the contents of its two files.</summary>
    internal static Tokenizer FromJson(byte[] json, byte[] config) => new(TokenizerFiles.Create(json, JsonName, config, ConfigName, null));

    /// <summary>The same tokenizer with another chat template, which Save writes beside it.</summary>
    public Tokenizer WithChatTemplate(string template) => new(new TokenizerFiles(_json, _parts, _config, ConfigName, template, []));

    /// <summary>Whether text is cut into words by the pattern of Qwen 2.</summary>
    public bool CutsAsQwen2 =>
        _parts.ByteLevel && !_parts.PreTokenizer.AddPrefixSpace && _parts.PreTokenizer.OnlyScanner is { IsQwen2: true };

    /// <summary>Whether characters are composed (NFC) and nothing else is changed; null where nothing is changed at all.</summary>
    public bool? Composes => _parts.Normalizer == null ? null : _parts.Normalizer is UnicodeNormalizer { IsNfc: true };

    /// <summary>The same tokenizer, which composes characters (NFC) before anything else.</summary>
    public Tokenizer WithComposition()
    {
        JsonNode json = JsonNode.Parse(_json)!;
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        return new(TokenizerFiles.Create(Encoding.UTF8.GetBytes(json.ToJsonString()), JsonName, _config, ConfigName, SeparateChatTemplate));
    }

    /// <summary>The same tokenizer with its end token to fill up batches, where it names none for that.</summary>
    public Tokenizer WithPadToken() =>
        PadId is not null || EosId is not { } eos || _config is null
            ? this
            : new(
                new TokenizerFiles(_json, _parts, TokenizerConfig.WithPad(_config, IdToToken(eos)), ConfigName, SeparateChatTemplate, [])
            );

    /// <summary>Writes tokenizer.json and tokenizer_config.json (and chat_template.jinja, if it was one), each whole or not at
    /// all.</summary>
    public void Save(string directory)
    {
        AtomicFile.Write(Path.Combine(directory, JsonName), _json);
        AtomicFile.Write(Path.Combine(directory, ConfigName), _config ?? TokenizerConfig.Write(null, null, null, _parts.AddedTokens));
        bool templateInConfig = _config != null && TokenizerConfig.Read(_config, ConfigName).ChatTemplate == ChatTemplate;
        if (ChatTemplate != null && !templateInConfig)
        {
            AtomicFile.WriteText(Path.Combine(directory, TemplateName), ChatTemplate);
        }
    }

    /// <summary>Writes MicroLM's vocab.json and merge.txt; only a byte-level vocabulary can be written so.</summary>
    public void SaveMicroLm(string directory)
    {
        if (!_parts.ByteLevel)
        {
            throw new ArgumentException("this tokenizer is not byte-level, and MicroLM's files can hold only byte-level vocabularies.");
        }
        MicroLmFiles.Write(
            directory,
            Enumerable.Range(0, VocabularySize).Where(Exists).Select(id => (id, TokenBytes(id).ToArray())),
            _parts.Model.Merges.Select(m => (TokenBytes(m.Left).ToArray(), TokenBytes(m.Right).ToArray()))
        );
    }

    /// <summary>Text of ids; ids outside the vocabulary add nothing, ill-formed UTF-8 becomes U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false) => new StreamDecoder(this, skipSpecialTokens).AddAll(ids);

    /// <summary>Id of a token as it is spelled in tokenizer.json.</summary>
    public int? TokenToId(string token) =>
        _addedIds.TryGetValue(token, out int id) || _parts.Model.Ids.TryGetValue(token, out id) ? id : null;

    /// <summary>A token as it is spelled in tokenizer.json.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string IdToToken(int id) => Exists(id) ? _parts.Tokens[id]! : throw NoToken(id);

    /// <summary>The bytes that a token stands for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public ReadOnlySpan<byte> TokenBytes(int id) => Exists(id) ? Decoder.Bytes(id) : throw NoToken(id);

    /// <summary>Whether decoding may skip the token; false for ids outside the vocabulary.</summary>
    public bool IsSpecial(int id) => (uint)id < (uint)_special.Length && _special[id];

    /// <summary>Whether the token was added to the model's vocabulary: text is never split inside it.</summary>
    public bool IsAdded(int id) => Exists(id) && _addedIds.TryGetValue(IdToToken(id), out int own) && own == id;

    /// <summary>Whether a token has this id: ids may have gaps.</summary>
    public bool Exists(int id) => (uint)id < (uint)_parts.Tokens.Length && _parts.Tokens[id] != null;

    private ArgumentOutOfRangeException NoToken(int id) =>
        new(nameof(id), id, $"No token has the id {id}; ids go from 0 to {VocabularySize - 1}.");

    private int? Role(string? token, string key, string file)
    {
        if (token == null)
        {
            return null;
        }
        return TokenToId(token)
            ?? throw new InvalidDataException($"{file}: {key} is '{token}', which is no token of {JsonName}; name one that is.");
    }

    /// <summary>An added token that is found in normalized text is decoded as it is found there.</summary>
    private string?[] DecodedTokens()
    {
        string?[] tokens = [.. _parts.Tokens];
        foreach (AddedToken token in _parts.AddedTokens.Where(t => t.Normalized))
        {
            tokens[token.Id] = Encoding.UTF8.GetString(Normalized(Encoding.UTF8.GetBytes(token.Content)));
        }
        return tokens;
    }
}
