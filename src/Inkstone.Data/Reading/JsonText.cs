using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Takes the text out of one JSON object.</summary>
internal static class JsonText
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly (string Bare, string Name)[] NoNumbers =
    [
        ("NaN", "NaN"),
        ("nan", "NaN"),
        ("-Infinity", "-Infinity"),
        ("Infinity", "Infinity"),
        ("-inf", "-Infinity"),
        ("inf", "Infinity"),
    ];

    /// <summary>
    /// The values of the keys, in the order of the keys, joined with line feeds; null with the name of the first missing key. The score is
    /// the number of
    /// another key, or null.
    /// </summary>
    /// <exception cref="JsonException">The line is no JSON object, or a value is neither text nor a list of texts.</exception>
    /// <exception cref="InvalidOperationException">A text contains half of a surrogate pair.</exception>
    public static string? Read(
        ReadOnlySpan<byte> line,
        IReadOnlyList<string> keys,
        string? scoreKey,
        out string? missingKey,
        out double? score
    )
    {
        score = null;
        string?[] parts = new string?[keys.Count];
        Utf8JsonReader json = new(line, new JsonReaderOptions { MaxDepth = 256 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("no JSON object");
        }
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            int key = -1;
            for (int i = 0; i < keys.Count && key < 0; i++)
            {
                if (json.ValueTextEquals(keys[i]))
                {
                    key = i;
                }
            }
            bool isScore = scoreKey is not null && json.ValueTextEquals(scoreKey);
            json.Read();
            if (isScore && json.TokenType == JsonTokenType.Number)
            {
                score = json.GetDouble();
            }
            if (key < 0)
            {
                json.Skip();
            }
            else
            {
                parts[key] = Value(ref json, keys[key]);
            }
        }
        while (json.Read()) { } // Anything behind the object is an error of the reader.

        int missing = Array.IndexOf(parts, null);
        missingKey = missing < 0 ? null : keys[missing];
        return missing >= 0 ? null
            : parts.Length == 1 ? parts[0]
            : string.Join('\n', parts);
    }

    /// <summary>A line as JSON; NaN and infinities, which some writers put bare into it, are texts.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonNode.Parse(line, null, Strict);
        }
        catch (JsonException) when (WithQuotedNumbers(line) is { } quoted)
        {
            return JsonNode.Parse(quoted, null, Strict);
        }
    }

    /// <summary>The line with bare NaN, Infinity and -Infinity (and nan, inf, -inf) as texts; null where it has none.</summary>
    public static byte[]? WithQuotedNumbers(ReadOnlySpan<byte> line)
    {
        StringBuilder quoted = new();
        string text = Encoding.UTF8.GetString(line);
        bool isText = false,
            any = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (isText && text[i] == '\\')
            {
                quoted.Append(text[i++]);
                if (i < text.Length)
                {
                    quoted.Append(text[i]);
                }
                continue;
            }
            isText ^= text[i] == '"';
            (string Bare, string Name) word = isText
                ? default
                : Array.Find(NoNumbers, n => text.AsSpan(i).StartsWith(n.Bare, StringComparison.Ordinal));
            quoted.Append(word.Bare is null ? text[i].ToString() : $"\"{word.Name}\"");
            if (word.Bare is null)
            {
                continue;
            }
            i += word.Bare.Length - 1;
            any = true;
        }
        return any ? Encoding.UTF8.GetBytes(quoted.ToString()) : null;
    }

    /// <summary>The keys of an object, for a message.</summary>
    public static string Keys(ReadOnlySpan<byte> line)
    {
        const int Named = 10;
        using JsonDocument document = JsonDocument.Parse(line.ToArray());
        string[] keys = [.. document.RootElement.EnumerateObject().Select(p => p.Name)];
        return keys.Length == 0 ? "none at all" : string.Join(", ", keys.Take(Named)) + (keys.Length > Named ? ", …" : "");
    }

    /// <summary>The line with each escaped half of a surrogate pair (such as \ud800 alone) as \ufffd, which is as long.</summary>
    public static byte[] WithoutLoneSurrogates(ReadOnlySpan<byte> line)
    {
        byte[] mended = line.ToArray();
        for (int i = 0; i + 1 < mended.Length; i++)
        {
            if (mended[i] != '\\')
            {
                continue;
            }
            int unit = CodeUnit(mended.AsSpan(i));
            if (unit is >= 0xD800 and < 0xDC00 && CodeUnit(mended.AsSpan(i + 6)) is >= 0xDC00 and < 0xE000)
            {
                i += 11;
            }
            else if (unit is >= 0xD800 and < 0xE000)
            {
                "\\ufffd"u8.CopyTo(mended.AsSpan(i));
                i += 5;
            }
            else
            {
                i++; // Past the escaped character, which may be a backslash.
            }
        }
        return mended;
    }

    private static int CodeUnit(ReadOnlySpan<byte> text) =>
        text.Length >= 6
        && text.StartsWith("\\u"u8)
        && int.TryParse(Encoding.ASCII.GetString(text[2..6]), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int unit)
            ? unit
            : -1;

    private static string? Value(ref Utf8JsonReader json, string key)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.String:
                return json.GetString();
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.StartArray:
                StringBuilder text = new();
                for (int i = 0; json.Read() && json.TokenType != JsonTokenType.EndArray; i++)
                {
                    if (json.TokenType != JsonTokenType.String)
                    {
                        throw NoText(key);
                    }
                    if (i > 0)
                    {
                        text.Append('\n');
                    }
                    text.Append(json.GetString());
                }
                return text.ToString();
            default:
                throw NoText(key);
        }
    }

    private static JsonException NoText(string key) => new($"the value of key '{key}' is neither a string nor a list of strings");
}
