using System.Text;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>Everything that a Hugging Face tokenizer.json says, checked: what is not supported is refused with its JSON path.</summary>
internal sealed class TokenizerJson
{
    public TokenizerJson(ReadOnlyMemory<byte> json, string file)
    {
        using JsonDocument document = Parse(json, file);
        JsonPart root = new(document.RootElement, file, "");
        if (!root["model"].IsObject)
        {
            throw root["model"].Wrong("is missing, so this is no tokenizer.json");
        }
        // truncation and padding concern batches, and whoever asks for ids of a text wants all of them.
        Normalizer = NormalizerJson.Read(root["normalizer"]);
        Model = new ModelJson(root["model"]);
        (PreTokenizer, ByteLevel) = PreTokenizerJson.Read(root["pre_tokenizer"], Model.TakesBytes);
        Model.Build(ByteLevel);
        DecoderSteps = DecoderJson.Read(root["decoder"]);
        AddedTokens = ReadAddedTokens(root["added_tokens"]);
        (Prefix, Suffix) = PostProcessorJson.Read(root["post_processor"]);
        Tokens = new string?[
            1 + Math.Max(Model.Ids.Values.DefaultIfEmpty(-1).Max(), AddedTokens.Select(t => t.Id).DefaultIfEmpty(-1).Max())
        ];
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

    public IReadOnlyList<DecoderStep> DecoderSteps { get; }

    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>Ids that the post-processor puts before and behind a text.</summary>
    public List<int> Prefix { get; }

    public List<int> Suffix { get; }

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
            throw new InvalidDataException(
                $"{file} is no valid JSON: line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}.",
                fault
            );
        }
    }

    /// <summary>
    /// Ids follow from the order: a text that is in the vocabulary keeps its id, another gets the next free one, whatever the file says, as
    /// in
    /// Hugging Face. Only where that would be another token's id (the vocabulary has gaps) the file is believed.
    /// </summary>
    private List<AddedToken> ReadAddedTokens(JsonPart part)
    {
        List<AddedToken> tokens = new();
        HashSet<int> taken = [.. Model.Ids.Values];
        foreach (JsonPart token in part.IsNull ? [] : part.Items())
        {
            string content = token["content"].Text();
            int written = token["id"].Integer();
            if (!Model.Ids.TryGetValue(content, out int id))
            {
                int next = Math.Max(Model.Ids.Count, 1 + tokens.Select(t => t.Id).DefaultIfEmpty(-1).Max());
                id = tokens.Find(t => t.Content == content)?.Id ?? (taken.Contains(next) ? written : next);
            }
            tokens.Add(
                new(
                    id,
                    content,
                    token["single_word"].Flag(),
                    token["lstrip"].Flag(),
                    token["rstrip"].Flag(),
                    token["normalized"].Flag(ifAbsent: true),
                    token["special"].Flag()
                )
            );
        }
        return tokens;
    }
}
