using System.Text;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>Everything that a Hugging Face tokenizer.json says, checked: what is not supported is refused with its JSON path.</summary>
internal sealed class TokenizerJson
{
    public TokenizerJson(ReadOnlyMemory<byte> json, string file)
    {
        using JsonDocument document = Parse(json, file);
        var root = new JsonPart(document.RootElement, file, "");
        if (!root["model"].IsObject)
        {
            throw root["model"].Wrong("is missing, so this is no tokenizer.json");
        }
        root["truncation"].MustBeUnset();
        root["padding"].MustBeUnset();
        Normalizer = StepsJson.Normalizer(root["normalizer"]);
        (PreTokenizer, ByteLevel) = StepsJson.PreTokenizer(root["pre_tokenizer"]);
        Model = new ModelJson(root["model"], ByteLevel);
        DecoderSettings = StepsJson.Decoder(root["decoder"]);
        AddedTokens = root["added_tokens"].IsNull ? [] : [.. root["added_tokens"].Items().Select(AddedTokenOf)];
        ReadPostProcessor(root["post_processor"]);
        Tokens = new string?[1 + Math.Max(Model.Ids.Values.DefaultIfEmpty(-1).Max(), AddedTokens.Select(t => t.Id).DefaultIfEmpty(-1).Max())];
        foreach ((string token, int id) in Model.Ids)
        {
            Tokens[id] = token;
        }
        foreach (AddedToken token in AddedTokens)
        {
            Tokens[token.Id] = token.Content;
        }
    }

    public Normalizer? Normalizer { get; }

    public PreTokenizer PreTokenizer { get; }

    public bool ByteLevel { get; }

    public ModelJson Model { get; }

    public DecoderSettings DecoderSettings { get; }

    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>Ids that the post-processor puts before and behind a text.</summary>
    public List<int> Prefix { get; } = [];

    public List<int> Suffix { get; } = [];

    /// <summary>Token texts by id.</summary>
    public string?[] Tokens { get; }

    public static JsonDocument Parse(ReadOnlyMemory<byte> json, string file)
    {
        try
        {
            return JsonDocument.Parse(json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[3..] : json);
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{file} is no valid JSON: line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}.", fault);
        }
    }

    private AddedToken AddedTokenOf(JsonPart token) => new(
        // A text that is in the vocabulary keeps the id that it has there, whatever the added token says.
        Model.Ids.TryGetValue(token["content"].Text(), out int id) ? id : token["id"].Integer(),
        token["content"].Text(),
        token["single_word"].Flag(),
        token["lstrip"].Flag(),
        token["rstrip"].Flag(),
        token["normalized"].Flag(ifAbsent: true),
        token["special"].Flag());

    private void ReadPostProcessor(JsonPart part)
    {
        if (part.IsNull)
        {
            return;
        }
        string type = part["type"].Text();
        switch (type)
        {
            case "ByteLevel":
                // Changes offsets only.
                break;
            case "Sequence":
                foreach (JsonPart step in part["processors"].Items())
                {
                    ReadPostProcessor(step);
                }
                break;
            case "TemplateProcessing":
                ReadTemplate(part);
                break;
            default:
                throw part.Unsupported(type);
        }
    }

    private void ReadTemplate(JsonPart template)
    {
        bool textSeen = false;
        var before = new List<int>();
        foreach (JsonPart piece in template["single"].Items())
        {
            JsonPart special = piece["SpecialToken"];
            if (!special.IsNull)
            {
                (textSeen ? Suffix : before).AddRange(template["special_tokens"][special["id"].Text()]["ids"].Items().Select(id => id.Integer()));
            }
            else if (!textSeen && piece["Sequence"]["id"].Text() == "A")
            {
                textSeen = true;
            }
            else
            {
                throw piece.Wrong("is not supported; a single text has one Sequence A");
            }
        }
        if (!textSeen)
        {
            throw template["single"].Wrong("lacks the Sequence A");
        }
        Prefix.InsertRange(0, before);
    }
}
