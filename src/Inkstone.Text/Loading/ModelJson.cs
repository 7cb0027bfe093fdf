using System.Text;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>Reads the <c>model</c> of a tokenizer.json: vocabulary and merges.</summary>
internal sealed class ModelJson
{
    public ModelJson(JsonPart model, bool byteLevel)
    {
        if (model["type"].TextOrNull() is { } type && type != "BPE")
        {
            throw model["type"].Wrong($"is '{type}', which is not supported; only BPE is");
        }
        if (model["dropout"].Value is not { ValueKind: JsonValueKind.Number } dropout || dropout.GetDouble() != 0)
        {
            model["dropout"].MustBeUnset();
        }
        model["continuing_subword_prefix"].MustBeUnset();
        model["end_of_word_suffix"].MustBeUnset();
        ReadVocabulary(model["vocab"]);
        ReadMerges(model["merges"]);
        int[]? fallback = model["byte_fallback"].Flag() ? FallbackIds(model["byte_fallback"]) : null;
        string? unknown = model["unk_token"].TextOrNull();
        if (unknown is { Length: > 0 } && !Ids.ContainsKey(unknown))
        {
            throw model["unk_token"].Wrong($"is '{unknown}', which is no token of model.vocab");
        }
        int[] byteIds = [.. Enumerable.Range(0, 256).Select(b => byteLevel && Ids.TryGetValue(ByteAlphabet.ToChar((byte)b).ToString(), out int id) ? id : -1)];
        var ranks = new PairRanks(Merges);
        string[] tokens = new string[Ids.Values.DefaultIfEmpty(-1).Max() + 1];
        foreach ((string token, int id) in Ids)
        {
            tokens[id] = token;
        }
        WholeCharacters? characters = byteLevel ? new WholeCharacters(ranks, Merges, byteIds, id => ((byte)ByteAlphabet.ToByte(tokens[id][0]), (byte)ByteAlphabet.ToByte(tokens[id][^1]))) : null;
        Bpe = new BpeModel(ranks, byteIds, characters)
        {
            CharacterIds = byteLevel ? null : CharacterIds(),
            FallbackIds = fallback,
            UnknownId = unknown is { Length: > 0 } ? Ids[unknown] : null,
            FuseUnknown = model["fuse_unk"].Flag(),
            WholeWords = model["ignore_merges"].Flag() ? WholeWords(byteLevel) : null,
        };
    }

    public Dictionary<string, int> Ids { get; } = new(StringComparer.Ordinal);

    public List<(int Left, int Right, int Merged)> Merges { get; } = [];

    public BpeModel Bpe { get; }

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
            string[] sides = merge.Value.ValueKind == JsonValueKind.String ? merge.Text().Split(' ') : [.. merge.Items().Select(side => side.Text())];
            if (sides.Length != 2)
            {
                throw merge.Wrong("must have two tokens");
            }
            Merges.Add((Id(sides[0], merge), Id(sides[1], merge), Id(sides[0] + sides[1], merge)));
        }
    }

    private int Id(string token, JsonPart merge) => Ids.TryGetValue(token, out int id) ? id : throw merge.Wrong($"needs the token '{token}', which model.vocab lacks");

    private int[] FallbackIds(JsonPart flag)
    {
        var ids = new int[256];
        for (int b = 0; b < 256; b++)
        {
            if (!Ids.TryGetValue($"<0x{b:X2}>", out ids[b]))
            {
                throw flag.Wrong($"is true, but model.vocab lacks '<0x{b:X2}>'");
            }
        }
        return ids;
    }

    private Dictionary<int, int> CharacterIds()
    {
        var characters = new Dictionary<int, int>();
        foreach ((string token, int id) in Ids)
        {
            if (Rune.DecodeFromUtf16(token, out Rune rune, out int size) == System.Buffers.OperationStatus.Done && size == token.Length)
            {
                characters[rune.Value] = id;
            }
        }
        return characters;
    }

    private Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> WholeWords(bool byteLevel)
    {
        var words = new Dictionary<byte[], int>(Ids.Count, new ByteSpanComparer());
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
