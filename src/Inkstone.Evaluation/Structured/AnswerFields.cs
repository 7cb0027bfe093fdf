using System.Text.Json;

namespace Inkstone.Evaluation;

/// <summary>The form of an answer.</summary>
internal enum AnswerForm
{
    /// <summary>No JSON.</summary>
    None,

    /// <summary><c>{"entity": {"field": …}}</c>.</summary>
    Entities,

    /// <summary><c>{"field": …}</c>.</summary>
    Flat,

    /// <summary>A list of objects.</summary>
    List,

    /// <summary>A text, a number, a list of texts.</summary>
    Other,
}

/// <summary>A field of an answer.</summary>
/// <param name="Entity">the entity that it is told of; null in a flat object</param>
/// <param name="Name">its name</param>
/// <param name="Value">its value</param>
internal readonly record struct AnswerField(string? Entity, string Name, JsonElement Value)
{
    /// <summary>The texts of the value, empty ones left out; null where it is neither a text nor a list of texts.</summary>
    public string[]? Texts
    {
        get
        {
            JsonElement[] values = Value.ValueKind == JsonValueKind.Array ? [.. Value.EnumerateArray()] : [Value];
            return values.Any(v => v.ValueKind != JsonValueKind.String)
                ? null
                : [.. values.Select(v => AnswerText.Text(v)?.Trim() ?? "").Where(t => t.Length > 0)];
        }
    }

    /// <summary>Whether nothing is told.</summary>
    public bool IsEmpty => Value.ValueKind == JsonValueKind.Null || Texts is { Length: 0 };

    /// <summary>Whether the value is of the type that is wanted.</summary>
    public bool Matches(string? type) =>
        type switch
        {
            "string" => Value.ValueKind == JsonValueKind.String,
            "list" => Value.ValueKind == JsonValueKind.Array && Texts is not null,
            "number" => Value.ValueKind == JsonValueKind.Number,
            "boolean" => Value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            _ => Texts is not null,
        };
}

/// <summary>
/// The fields of an answer wherever they stand. A member of the top level with an object is an entity where all members are such, or where
/// the text has its name; else it is a field.
/// </summary>
/// <param name="Form">the answer's form</param>
/// <param name="All">its fields</param>
internal sealed record AnswerFields(AnswerForm Form, IReadOnlyList<AnswerField> All)
{
    /// <summary>Reads an answer.</summary>
    /// <param name="json">null where it did not parse</param>
    /// <param name="input">the text that it is about</param>
    public static AnswerFields Find(JsonElement? json, string input)
    {
        List<AnswerField> fields = [];
        switch (json?.ValueKind)
        {
            case null:
                return new(AnswerForm.None, fields);
            case JsonValueKind.Object:
                return new(Add(json.Value) ? AnswerForm.Entities : AnswerForm.Flat, fields);
            case JsonValueKind.Array when json.Value.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Object):
                foreach (JsonElement element in json.Value.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.Object))
                {
                    Add(element);
                }
                return new(AnswerForm.List, fields);
            default:
                return new(AnswerForm.Other, fields);
        }

        bool Add(JsonElement root)
        {
            KeyValuePair<string, JsonElement>[] members = [.. MicroLmRules.Members(root)];
            bool all = members.Length > 0 && members.All(m => Objects(m.Value).Any()),
                any = false;
            foreach ((string name, JsonElement value) in members)
            {
                JsonElement[] objects = [.. Objects(value)];
                if (objects.Length > 0 && (all || input.Contains(name, StringComparison.Ordinal)))
                {
                    fields.AddRange(objects.SelectMany(o => MicroLmRules.Members(o)).Select(m => new AnswerField(name, m.Key, m.Value)));
                    any = true;
                }
                else
                {
                    fields.Add(new AnswerField(null, name, value));
                }
            }
            return any;
        }

        static IEnumerable<JsonElement> Objects(JsonElement value) =>
            value.ValueKind == JsonValueKind.Object ? [value]
            : value.ValueKind == JsonValueKind.Array
            && value.GetArrayLength() > 0
            && value.EnumerateArray().All(e => e.ValueKind == JsonValueKind.Object)
                ? value.EnumerateArray()
            : [];
    }
}
