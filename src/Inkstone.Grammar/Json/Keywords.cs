using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>The keywords of JSON Schema (draft 2020-12): which are held, which say nothing of values, and reading what they hold.</summary>
internal static class Keywords
{
    /// <summary>Keywords that are held.</summary>
    public static IReadOnlyList<string> Held { get; } =
    [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "unevaluatedItems",
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "dependentSchemas",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "$ref",
        "$dynamicRef",
    ];

    /// <summary>Keywords that describe and do not restrict.</summary>
    private static readonly string[] Silent =
    [
        "$schema",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$comment",
        "$defs",
        "definitions",
        "$vocabulary",
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "format",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
    ];

    /// <summary>Refuses what is not held.</summary>
    public static void Check(SchemaNode node)
    {
        foreach (JsonProperty property in node.Element.ValueKind == JsonValueKind.Object ? node.Element.EnumerateObject() : default)
        {
            string name = property.Name;
            if (
                name == "$schema"
                && property.Value is { ValueKind: JsonValueKind.String } dialect
                && !dialect.GetString()!.Contains("://json-schema.org/", StringComparison.Ordinal)
            )
            {
                throw node.Unsupported(name, $"names \"{dialect.GetString()}\", and only the drafts of json-schema.org are known");
            }
            if (Held.Contains(name) || Silent.Contains(name) || name.StartsWith("x-", StringComparison.Ordinal))
            {
                continue;
            }
            if (name == "nullable" && property.Value.ValueKind == JsonValueKind.False)
            {
                continue;
            }
            throw node.Unsupported(
                name,
                name switch
                {
                    "$recursiveRef" => "is of an older draft; use $ref, or $dynamicRef",
                    "dependencies" => "is of an older draft; use dependentRequired or dependentSchemas",
                    "additionalItems" => "is of an older draft; use prefixItems, and items for the rest",
                    "nullable" => "is not of JSON Schema; add \"null\" to type",
                    _ => Held.MinBy(k => Files.Spelling.Distance(k, name)) is { } near && Files.Spelling.Distance(near, name) <= 2
                        ? $"is not known; did you mean \"{near}\"?"
                        : "is not known; a name that begins with x- may say anything",
                }
            );
        }
    }

    public static long Count(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal d) && d >= 0 && decimal.IsInteger(d)
            ? (long)Math.Min(d, int.MaxValue)
            : throw Wrong(node, keyword, "a whole number from 0");

    public static ExactNumber Number(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number ? ExactNumber.Parse(value.GetRawText()) : throw Wrong(node, keyword, "a number");

    public static bool Flag(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.ValueKind == JsonValueKind.True
            : throw Wrong(node, keyword, "true or false");

    public static string Text(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(node, keyword, "a string");

    public static string[] Texts(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(v => v.GetString()!)]
            : throw Wrong(node, keyword, "an array of strings");

    public static JsonProperty[] Members(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Object ? [.. value.EnumerateObject()] : throw Wrong(node, keyword, "an object");

    public static string[] Types(SchemaNode node, JsonElement value)
    {
        string[] types = value.ValueKind == JsonValueKind.String ? [value.GetString()!] : Texts(node, "type", value);
        return types.Length > 0 && types.All(t => t is "null" or "boolean" or "number" or "integer" or "string" or "array" or "object")
            ? types
            : throw Wrong(node, "type", "one or several of null, boolean, number, integer, string, array and object");
    }

    public static int Schemas(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array
            ? value.GetArrayLength()
            : throw Wrong(node, keyword, keyword == "items" ? "a schema" : "an array of schemas");

    public static GrammarException Wrong(SchemaNode node, string keyword, string wanted) => node.Unsupported(keyword, $"must be {wanted}");

    /// <summary>The language of a pattern that matches anywhere.</summary>
    public static CharDfa Pattern(SchemaNode node, string keyword, string pattern)
    {
        try
        {
            return PatternDfa.Anywhere(PatternParser.Parse(pattern));
        }
        catch (GrammarException fault) when (fault.Keyword is null)
        {
            throw node.Unsupported(keyword, "cannot be held: " + fault.Message);
        }
    }
}
