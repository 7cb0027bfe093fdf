using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Inkstone.Data;

/// <summary>
/// Columns of texts in which each text is JSON (Arrow's extension <c>arrow.json</c>, the type Json of the library datasets): their values
/// become what they
/// spell. Parquet keeps the word for it in Arrow's schema or in the features of the library.
/// </summary>
internal static class JsonColumns
{
    private const string ExtensionName = "ARROW:extension:name",
        Extension = "arrow.json";

    /// <summary>Stands for the elements of a list in a path.</summary>
    private const string Element = "[]";

    public static bool IsJson(Field field) =>
        field.Metadata is { } metadata && metadata.TryGetValue(ExtensionName, out string? name) && name == Extension;

    /// <summary>What a text spells; the text itself where it spells nothing.</summary>
    public static JsonNode? Decode(string? text)
    {
        if (text is null)
        {
            return null;
        }
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    /// <summary>The paths of such columns that a Parquet file's notes name, with <c>[]</c> for a list's elements.</summary>
    public static HashSet<string> FindLists(IReadOnlyDictionary<string, string> notes)
    {
        HashSet<string> paths = [];
        if (notes.TryGetValue("ARROW:schema", out string? packed) && Schema(packed) is { } schema)
        {
            foreach (Field field in schema.FieldsList)
            {
                Add(field, field.Name, paths);
            }
        }
        if (
            notes.TryGetValue("huggingface", out string? info)
            && Decode(info) is JsonObject o
            && o["info"]?["features"] is JsonObject features
        )
        {
            foreach ((string name, JsonNode? feature) in features)
            {
                Add(feature, name, paths);
            }
        }
        return paths;
    }

    /// <summary>Decodes a row's values in place.</summary>
    public static void Decode(JsonObject row, HashSet<string> paths)
    {
        foreach (string key in row.Select(p => p.Key).ToArray())
        {
            if (Decode(row[key], key, paths, out JsonNode? value))
            {
                row[key] = value;
            }
        }
    }

    private static bool Decode(JsonNode? node, string path, HashSet<string> paths, out JsonNode? value)
    {
        value = node;
        switch (node)
        {
            case JsonValue text when paths.Contains(path) && text.TryGetValue(out string? json):
                value = Decode(json);
                return true;
            case JsonObject group:
                foreach (string key in group.Select(p => p.Key).ToArray())
                {
                    if (Decode(group[key], $"{path}.{key}", paths, out JsonNode? inner))
                    {
                        group[key] = inner;
                    }
                }
                return false;
            case JsonArray list:
                for (int i = 0; i < list.Count; i++)
                {
                    if (Decode(list[i], $"{path}.{Element}", paths, out JsonNode? inner))
                    {
                        list[i] = inner;
                    }
                }
                return false;
            default:
                return false;
        }
    }

    private static void Add(Field field, string path, HashSet<string> paths)
    {
        if (IsJson(field))
        {
            paths.Add(path);
        }
        bool isList = field.DataType is ListType or LargeListType or FixedSizeListType or ListViewType;
        if (field.DataType is NestedType nested)
        {
            foreach (Field child in nested.Fields)
            {
                Add(child, isList ? $"{path}.{Element}" : $"{path}.{child.Name}", paths);
            }
        }
    }

    /// <summary>A feature is an object with <c>_type</c>, or a group of features, or a list with one.</summary>
    private static void Add(JsonNode? feature, string path, HashSet<string> paths)
    {
        switch (feature)
        {
            case JsonObject o when o["_type"] is JsonValue type && type.TryGetValue(out string? name):
                if (name == "Json")
                {
                    paths.Add(path);
                }
                else if (o["feature"] is { } inner)
                {
                    Add(inner, $"{path}.{Element}", paths);
                }
                break;
            case JsonObject group:
                foreach ((string key, JsonNode? inner) in group)
                {
                    Add(inner, $"{path}.{key}", paths);
                }
                break;
            case JsonArray { Count: 1 } list:
                Add(list[0], $"{path}.{Element}", paths);
                break;
        }
    }

    private static Schema? Schema(string packed)
    {
        try
        {
            using ArrowStreamReader reader = new(new MemoryStream(Convert.FromBase64String(packed)));
            return reader.Schema;
        }
        catch (Exception e)
            when (e
                    is FormatException
                        or InvalidDataException
                        or IOException
                        or NotImplementedException
                        or ArgumentException
                        or IndexOutOfRangeException
                        or NotSupportedException
            )
        {
            return null; // A note that is damaged says nothing: the columns are read without it.
        }
    }
}
