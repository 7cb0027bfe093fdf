using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Text;

/// <summary>
/// MicroLM's pair of files: vocab.json <c>{"id": "token"}</c> (or the other way round) and merge.txt, a merge a line, both spelled in the
/// byte alphabet; GPT-2's split pattern; special tokens are named by the caller.
/// </summary>
internal static class MicroLmFiles
{
    /// <summary>Reads both files as a tokenizer.json. Special tokens without an id get the next ones.</summary>
    public static byte[] Read(string vocabularyFile, string mergeFile, IReadOnlyList<string> specialTokens)
    {
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        byte[] json = File.ReadAllBytes(vocabularyFile);
        using (JsonDocument document = TokenizerJson.Parse(json, vocabularyFile))
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"{vocabularyFile} must be an object of id to token.");
            }
            foreach (JsonProperty entry in document.RootElement.EnumerateObject())
            {
                (string token, int id) = Entry(entry, vocabularyFile);
                // Two merges may spell one token; as in MicroLM the last id counts.
                ids[token] = id;
            }
        }
        int next = ids.Values.DefaultIfEmpty(-1).Max() + 1;
        List<(string, int)> special = new();
        foreach (string token in specialTokens)
        {
            // In the vocabulary a special token is spelled like any other, in the byte alphabet.
            string spelled = ByteAlphabet.ToText(Encoding.UTF8.GetBytes(token));
            special.Add((token, ids.TryGetValue(spelled, out int id) ? id : next++));
        }
        List<(string, string)> merges = new();
        int line = 0;
        foreach (string text in File.ReadLines(mergeFile))
        {
            line++;
            string[] sides = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (sides.Length == 0 || (line == 1 && text.StartsWith("#version", StringComparison.Ordinal)))
            {
                continue;
            }
            if (sides.Length != 2 || !ids.ContainsKey(sides[0]) || !ids.ContainsKey(sides[1]) || !ids.ContainsKey(sides[0] + sides[1]))
            {
                throw new InvalidDataException(
                    $"{mergeFile}, line {line}: a merge must be two tokens of {Path.GetFileName(vocabularyFile)} whose join is a token too."
                );
            }
            merges.Add((sides[0], sides[1]));
        }
        return TokenizerJsonWriter.Write(ids.OrderBy(t => t.Value).Select(t => (t.Key, t.Value)), merges, SplitPattern.Gpt2, special);
    }

    /// <summary>Writes both files.</summary>
    public static void Write(string directory, IEnumerable<(int Id, byte[] Bytes)> tokens, IEnumerable<(byte[] Left, byte[] Right)> merges)
    {
        MemoryStream json = new();
        // Non-ASCII characters are escaped, as Python's json.dump has it.
        using (Utf8JsonWriter writer = new(json, new JsonWriterOptions { Indented = true, IndentSize = 4 }))
        {
            writer.WriteStartObject();
            foreach ((int id, byte[] bytes) in tokens)
            {
                writer.WriteString(id.ToString(System.Globalization.CultureInfo.InvariantCulture), ByteAlphabet.ToText(bytes));
            }
            writer.WriteEndObject();
        }
        StringBuilder lines = new();
        foreach ((byte[] left, byte[] right) in merges)
        {
            lines.Append(ByteAlphabet.ToText(left)).Append(' ').Append(ByteAlphabet.ToText(right)).Append('\n');
        }
        AtomicFile.Write(Path.Combine(directory, "vocab.json"), json.ToArray());
        AtomicFile.WriteText(Path.Combine(directory, "merge.txt"), lines.ToString());
    }

    private static (string Token, int Id) Entry(JsonProperty entry, string file)
    {
        if (entry.Value.ValueKind == JsonValueKind.String && int.TryParse(entry.Name, out int id))
        {
            return (entry.Value.GetString()!, id);
        }
        return (entry.Name, new JsonPart(entry.Value, file, $"['{entry.Name}']").Integer());
    }
}
