using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text;

/// <summary>What is read from tokenizer_config.json: the roles of tokens and the chat template.</summary>
internal sealed record TokenizerConfig(
    string? Bos,
    string? Eos,
    string? Pad,
    string? ChatTemplate,
    bool? AddBos,
    bool? AddEos,
    string? ClassName
)
{
    public static TokenizerConfig Read(ReadOnlyMemory<byte> json, string file)
    {
        using JsonDocument document = TokenizerJson.Parse(json, file);
        JsonPart root = new(document.RootElement, file, "");
        return new(
            Token(root["bos_token"]),
            Token(root["eos_token"]),
            Token(root["pad_token"]),
            Template(root["chat_template"]),
            root["add_bos_token"].IsNull ? null : root["add_bos_token"].Flag(),
            root["add_eos_token"].IsNull ? null : root["add_eos_token"].Flag(),
            root["tokenizer_class"].TextOrNull()
        );
    }

    /// <summary>Whether the file says anything under a key.</summary>
    public static bool Has(ReadOnlyMemory<byte> json, string file, string key)
    {
        using JsonDocument document = TokenizerJson.Parse(json, file);
        return !new JsonPart(document.RootElement, file, "")[key].IsNull;
    }

    /// <summary>The file for a new tokenizer, as transformers reads it.</summary>
    public static byte[] Write(string? bos, string? eos, string? pad, IReadOnlyList<AddedToken> specialTokens)
    {
        MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, TokenizerJsonWriter.Options))
        {
            writer.WriteStartObject();
            writer.WriteBoolean("add_bos_token", false);
            writer.WriteBoolean("add_eos_token", false);
            writer.WriteBoolean("add_prefix_space", false);
            writer.WriteStartObject("added_tokens_decoder");
            foreach (AddedToken token in specialTokens)
            {
                writer.WriteStartObject(token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
                TokenizerJsonWriter.WriteAddedToken(writer, token.Content);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
            writer.WriteString("bos_token", bos);
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            writer.WriteString("eos_token", eos);
            writer.WriteNumber("model_max_length", 1_000_000_000);
            writer.WriteString("pad_token", pad);
            writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            writer.WriteNull("unk_token");
            writer.WriteEndObject();
        }
        return json.ToArray();
    }

    /// <summary>The file with another pad_token, and everything else as it was.</summary>
    public static byte[] WithPad(byte[] json, string pad)
    {
        JsonObject settings = JsonNode.Parse(json.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? json.AsSpan(3) : json)!.AsObject();
        settings["pad_token"] = pad;
        return Encoding.UTF8.GetBytes(
            settings.ToJsonString(
                new JsonSerializerOptions
                {
                    WriteIndented = true,
                    NewLine = "\n",
                    Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
                }
            ) + "\n"
        );
    }

    /// <summary>A token is a string, or an object with its content.</summary>
    public static string? Token(JsonPart part) => part.IsObject ? part["content"].Text() : part.TextOrNull();

    /// <summary>A template is a string, or a list of named ones, of which "default" counts.</summary>
    private static string? Template(JsonPart part) =>
        part.Value.ValueKind != JsonValueKind.Array
            ? part.TextOrNull()
            : part.Items().Where(t => t["name"].Text() == "default").Select(t => t["template"].Text()).FirstOrDefault();
}
