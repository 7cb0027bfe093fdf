using System.Text.Json;

namespace Inkstone.Formats;

/// <summary>JSON may hold escaped halves of surrogate pairs (<c>\ud83d</c> alone), which are no characters: no text can be made of
/// them.</summary>
public static class JsonUnicode
{
    /// <summary>Refuses a document with such a text or name.</summary>
    /// <param name="element">the document</param>
    /// <param name="source">where it was read, for the message</param>
    /// <exception cref="InvalidDataException">There is one; the message shows it.</exception>
    public static void Check(JsonElement element, string source)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    Require(() => member.Name, "the name of a key", source);
                    Check(member.Value, source);
                }
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    Check(item, source);
                }
                break;
            case JsonValueKind.String:
                Require(element.GetString, "a text", source);
                break;
        }
    }

    private static void Require(Func<string?> text, string what, string source)
    {
        try
        {
            _ = text();
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidDataException(
                $"{source}: {what} holds half of a surrogate pair, such as \\ud83d alone, which is no character; write the whole pair, or remove it.",
                fault
            );
        }
    }
}
