using System.Text.Encodings.Web;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>Writes a byte-level BPE tokenizer.json as Hugging Face does.</summary>
internal static class TokenizerJsonWriter
{
    public static JsonWriterOptions Options { get; } = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="tokens">Texts in the byte alphabet (special tokens as they are), with their ids.</param>
    /// <param name="merges">Pairs of texts by rank.</param>
    /// <param name="pattern">The split pattern.</param>
    /// <param name="specialTokens">Special tokens and their ids, which <paramref name="tokens"/> may contain or not.</param>
    public static byte[] Write(
        IEnumerable<(string Token, int Id)> tokens,
        IEnumerable<(string Left, string Right)> merges,
        SplitPattern pattern,
        IEnumerable<(string Token, int Id)> specialTokens
    )
    {
        MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("version", "1.0");
            writer.WriteNull("truncation");
            writer.WriteNull("padding");
            writer.WriteStartArray("added_tokens");
            foreach ((string token, int id) in specialTokens)
            {
                writer.WriteStartObject();
                writer.WriteNumber("id", id);
                WriteAddedToken(writer, token);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteNull("normalizer");
            WritePreTokenizer(writer, pattern);
            writer.WriteNull("post_processor");
            writer.WriteStartObject("decoder");
            WriteByteLevel(writer, addPrefixSpace: true, useRegex: true);
            writer.WriteEndObject();
            WriteModel(writer, tokens, merges);
            writer.WriteEndObject();
        }
        return json.ToArray();
    }

    /// <summary>The members of a special token, the same in tokenizer.json and tokenizer_config.json.</summary>
    public static void WriteAddedToken(Utf8JsonWriter writer, string content)
    {
        writer.WriteString("content", content);
        writer.WriteBoolean("single_word", false);
        writer.WriteBoolean("lstrip", false);
        writer.WriteBoolean("rstrip", false);
        writer.WriteBoolean("normalized", false);
        writer.WriteBoolean("special", true);
    }

    private static void WritePreTokenizer(Utf8JsonWriter writer, SplitPattern pattern)
    {
        writer.WriteStartObject("pre_tokenizer");
        if (pattern == SplitPattern.Gpt2)
        {
            WriteByteLevel(writer, addPrefixSpace: false, useRegex: true);
        }
        else
        {
            writer.WriteString("type", "Sequence");
            writer.WriteStartArray("pretokenizers");
            writer.WriteStartObject();
            writer.WriteString("type", "Split");
            writer.WriteStartObject("pattern");
            writer.WriteString("Regex", SplitRegex.GetPattern(pattern));
            writer.WriteEndObject();
            writer.WriteString("behavior", "Isolated");
            writer.WriteBoolean("invert", false);
            writer.WriteEndObject();
            writer.WriteStartObject();
            WriteByteLevel(writer, addPrefixSpace: false, useRegex: false);
            writer.WriteEndObject();
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, bool addPrefixSpace, bool useRegex)
    {
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", useRegex);
    }

    private static void WriteModel(
        Utf8JsonWriter writer,
        IEnumerable<(string Token, int Id)> tokens,
        IEnumerable<(string Left, string Right)> merges
    )
    {
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteNull("unk_token");
        writer.WriteNull("continuing_subword_prefix");
        writer.WriteNull("end_of_word_suffix");
        writer.WriteBoolean("fuse_unk", false);
        writer.WriteBoolean("byte_fallback", false);
        writer.WriteBoolean("ignore_merges", false);
        writer.WriteStartObject("vocab");
        foreach ((string token, int id) in tokens)
        {
            writer.WriteNumber(token, id);
        }
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach ((string left, string right) in merges)
        {
            writer.WriteStartArray();
            writer.WriteStringValue(left);
            writer.WriteStringValue(right);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
