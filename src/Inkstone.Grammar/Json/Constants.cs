using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>The values of enum or const, by type.</summary>
internal sealed class Constants
{
    public Constants(SchemaSpace schemas, SchemaNode node, string keyword, IReadOnlyList<JsonElement> values)
    {
        List<ExactNumber> numbers = [];
        List<string> texts = [];
        List<SchemaNode> others = [];
        for (int i = 0; i < values.Count; i++)
        {
            JsonElement value = values[i];
            switch (value.ValueKind)
            {
                case JsonValueKind.Null:
                    Null = true;
                    break;
                case JsonValueKind.True:
                    True = true;
                    break;
                case JsonValueKind.False:
                    False = true;
                    break;
                case JsonValueKind.Number:
                    numbers.Add(ExactNumber.Parse(value.GetRawText()));
                    break;
                case JsonValueKind.String:
                    texts.Add(value.GetString()!);
                    break;
                default:
                    others.Add(schemas.Made(node, $"{keyword}/{i}", () => Same(value)));
                    break;
            }
        }
        (Numbers, Texts, Others) = ([.. numbers.Distinct()], texts.Count > 0 ? CharDfa.Texts(texts) : null, others);
    }

    public bool Null { get; }

    public bool True { get; }

    public bool False { get; }

    public ExactNumber[] Numbers { get; }

    public CharDfa? Texts { get; }

    /// <summary>Schemas that mean the arrays and objects among them.</summary>
    public IReadOnlyList<SchemaNode> Others { get; }

    /// <summary>Those of a box that are among the simple ones.</summary>
    public ValueBox Within(ValueBox box) =>
        new()
        {
            Null = box.Null && Null,
            True = box.True && True,
            False = box.False && False,
            Number = Numbers.Length > 0 ? box.Number?.Add(new NumberTest.OneOf([.. Numbers], true)) : null,
            Text = Texts is null || box.Text is null ? null : box.Text.Matching(Texts) with { IsListed = true },
        };

    /// <summary>Those of a box that are not among the simple ones.</summary>
    public ValueBox Without(ValueBox box) =>
        box with
        {
            Null = box.Null && !Null,
            True = box.True && !True,
            False = box.False && !False,
            Number = Numbers.Length > 0 ? box.Number?.Add(new NumberTest.OneOf([.. Numbers], false)) : box.Number,
            Text = Texts is null ? box.Text : box.Text?.Matching(Texts, false),
        };

    /// <summary>A schema that an array or object alone satisfies.</summary>
    private static string Same(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            string items = string.Join(',', value.EnumerateArray().Select(v => $$"""{"const":{{v.GetRawText()}}}"""));
            return $$"""{"type":"array","prefixItems":[{{items}}],"items":false,"minItems":{{value.GetArrayLength()}}}""";
        }
        string members = string.Join(
            ',',
            value.EnumerateObject().Select(p => $$"""{{Quoted(p.Name)}}:{"const":{{p.Value.GetRawText()}}}""")
        );
        string names = string.Join(',', value.EnumerateObject().Select(p => Quoted(p.Name)));
        return $$"""{"type":"object","properties":{{{members}}},"required":[{{names}}],"additionalProperties":false}""";
    }

    private static string Quoted(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";
}
