using System.Text;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>Reads the <c>model</c> of a tokenizer.json: vocabulary and merges.</summary>
internal sealed class ModelJson
{
    private readonly JsonPart _model;
    private bool _spelled = true;
    private readonly string _prefix,
        _suffix;

    public ModelJson(JsonPart model)
    {
        if (model["type"].TextOrNull() is { } type && type != "BPE")
        {
            throw model["type"].Wrong($"is '{type}', which is not supported; only BPE is");
        }
        if (
            !model["dropout"].IsNull
            && (model["dropout"].Value.ValueKind != JsonValueKind.Number || model["dropout"].Value.GetDouble() != 0)
        )
        {
            throw model["dropout"].Wrong("is set, which makes ids random and is not supported; set it to null");
        }
        _model = model;
        (_prefix, _suffix) = (model["continuing_subword_prefix"].TextOrNull() ?? "", model["end_of_word_suffix"].TextOrNull() ?? "");
        ReadVocabulary(model["vocab"]);
        ReadMerges(model["merges"]);
    }

    /// <summary>Whether a word can be given as bytes: every merge is spelled in the byte alphabet, and no rule speaks of
    /// characters.</summary>
    public bool TakesBytes
    {
        get
        {
            bool complete = Enumerable.Range(0, 256).All(b => Ids.ContainsKey(ByteAlphabet.ToChar((byte)b).ToString()));
            return _prefix.Length == 0 && _suffix.Length == 0 && (complete || !_model["byte_fallback"].Flag()) && _spelled;
        }
    }

    /// <summary>Makes the model; <paramref name="byteLevel"/> says that words are given as bytes.</summary>
    public void Build(bool byteLevel)
    {
        int[] byteIds =
        [
            .. Enumerable
                .Range(0, 256)
                .Select(b => byteLevel && Ids.TryGetValue(ByteAlphabet.ToChar((byte)b).ToString(), out int id) ? id : -1),
        ];
        int[]? fallback = !byteLevel && _model["byte_fallback"].Flag() ? FallbackIds() : null;
        bool neverUnknown = byteLevel ? !byteIds.Contains(-1) : fallback is { } ids && !ids.Contains(-1);
        string? unknown = _model["unk_token"].TextOrNull();
        if (unknown is { Length: > 0 } && !Ids.ContainsKey(unknown) && !neverUnknown)
        {
            throw _model["unk_token"].Wrong($"is '{unknown}', which is no token of model.vocab");
        }
        PairRanks ranks = new(Merges);
        string[] tokens = new string[Ids.Values.DefaultIfEmpty(-1).Max() + 1];
        foreach ((string token, int id) in Ids)
        {
            tokens[id] = token;
        }
        WholeCharacters? characters = byteLevel
            ? new WholeCharacters(
                ranks,
                Merges,
                byteIds,
                id => ((byte)ByteAlphabet.ToByte(tokens[id][0]), (byte)ByteAlphabet.ToByte(tokens[id][^1]))
            )
            : null;
        // Unknown bytes may be fused across any border, and a part may be a whole word where its word is not.
        bool cuts = byteLevel && !byteIds.Contains(-1) && !_model["ignore_merges"].Flag();
        CharacterJunctions? junctions = cuts ? new(Merges.Select(m => ByteAlphabet.ToBytes(tokens[m.Merged])!)) : null;
        Bpe = new BpeModel(ranks, byteIds, characters, junctions)
        {
            Characters = byteLevel ? null : new CharacterSymbols(Ids, _prefix, _suffix, fallback),
            UnknownId = unknown is { Length: > 0 } && Ids.TryGetValue(unknown, out int unknownId) ? unknownId : null,
            FuseUnknown = _model["fuse_unk"].Flag(),
            WholeWords = _model["ignore_merges"].Flag() ? WholeWords(byteLevel) : null,
        };
    }

    public Dictionary<string, int> Ids { get; } = new(StringComparer.Ordinal);

    public List<(int Left, int Right, int Merged)> Merges { get; } = [];

    public BpeModel Bpe { get; private set; } = null!;

    private void ReadVocabulary(JsonPart vocabulary)
    {
        if (!vocabulary.IsObject)
        {
            throw vocabulary.Wrong("must be an object of token to id");
        }
        foreach (JsonProperty entry in vocabulary.Value.EnumerateObject())
        {
            Ids[entry.Name] = new JsonPart(entry.Value, vocabulary.File, $"{vocabulary.Path}['{entry.Name}']").Integer();
        }
    }

    private void ReadMerges(JsonPart merges)
    {
        foreach (JsonPart merge in merges.Items())
        {
            string[] sides =
                merge.Value.ValueKind == JsonValueKind.String ? merge.Text().Split(' ') : [.. merge.Items().Select(side => side.Text())];
            if (sides.Length != 2)
            {
                throw merge.Wrong("must have two tokens");
            }
            // Behind the beginning of a word tokens wear the prefix, of which a merged token has one.
            Rune[] right = [.. sides[1].EnumerateRunes()];
            int prefix = _prefix.EnumerateRunes().Count();
            if (right.Length < prefix)
            {
                throw merge.Wrong($"has a right side shorter than the continuing_subword_prefix '{_prefix}'");
            }
            string merged = sides[0] + (prefix == 0 ? sides[1] : string.Concat(right.Skip(prefix)));
            Merges.Add((Id(sides[0], merge), Id(sides[1], merge), Id(merged, merge)));
            _spelled &= IsSpelled(sides[0]) && IsSpelled(sides[1]);
        }
    }

    private int Id(string token, JsonPart merge) =>
        Ids.TryGetValue(token, out int id) ? id : throw merge.Wrong($"needs the token '{token}', which model.vocab lacks");

    /// <summary>Id of each byte's token &lt;0x00&gt; to &lt;0xFF&gt;, -1 where there is none.</summary>
    private int[] FallbackIds() => [.. Enumerable.Range(0, 256).Select(b => Ids.GetValueOrDefault($"<0x{b:X2}>", -1))];

    private static bool IsSpelled(string token) => token.Length > 0 && ByteAlphabet.ToBytes(token) != null;

    private Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> WholeWords(bool byteLevel)
    {
        Dictionary<byte[], int> words = new(Ids.Count, new ByteSpanComparer());
        foreach ((string token, int id) in Ids)
        {
            if ((byteLevel ? ByteAlphabet.ToBytes(token) : Encoding.UTF8.GetBytes(token)) is { } bytes)
            {
                words[bytes] = id;
            }
        }
        return words.GetAlternateLookup<ReadOnlySpan<byte>>();
    }
}
