using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// The field <c>keep</c> of a record: parts of its <c>text</c> that an author has spelled for one script and that no conversion may touch,
/// as pairs of first and
/// last + 1, counted in Unicode code points.
/// </summary>
internal static class KeptText
{
    public const string Field = "keep",
        TextField = "text";

    /// <exception cref="InvalidDataException">The pairs are no parts of the text in order.</exception>
    public static IReadOnlyList<TextSpan> Read(JsonArray pairs, string text)
    {
        List<TextSpan> spans = [];
        (int unit, int point) = (0, 0);
        foreach (JsonNode? pair in pairs)
        {
            if (
                pair is not JsonArray { Count: 2 } two
                || two[0] is not JsonValue a
                || !a.TryGetValue(out int first)
                || two[1] is not JsonValue b
                || !b.TryGetValue(out int end)
            )
            {
                throw Bad();
            }
            int start = Move(first);
            spans.Add(new TextSpan(start, Move(end)));
        }
        return spans;

        int Move(int wanted)
        {
            if (wanted < point)
            {
                throw Bad();
            }
            for (; point < wanted; point++)
            {
                if (unit >= text.Length)
                {
                    throw Bad();
                }
                unit += Width(text, unit);
            }
            return unit;
        }

        InvalidDataException Bad() =>
            new($"a record's field '{Field}' is no list of pairs of places in its '{TextField}', in order: remove or mend it.");
    }

    public static JsonArray Write(string text, IReadOnlyList<TextSpan> spans)
    {
        JsonArray pairs = [];
        (int unit, int point) = (0, 0);
        foreach (TextSpan span in spans)
        {
            pairs.Add((JsonNode)new JsonArray(Move(span.Start), Move(span.End)));
        }
        return pairs;

        int Move(int wanted)
        {
            for (; unit < wanted; point++)
            {
                unit += Width(text, unit);
            }
            return point;
        }
    }

    private static int Width(string text, int at) => at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;
}
