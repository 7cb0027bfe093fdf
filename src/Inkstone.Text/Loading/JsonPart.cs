using System.Text.Json;

namespace Inkstone.Text;

/// <summary>A value of a JSON file that knows its own path, so that every complaint can say where.</summary>
internal readonly record struct JsonPart(JsonElement Value, string File, string Path)
{
    public bool IsNull => Value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsObject => Value.ValueKind == JsonValueKind.Object;

    /// <summary>A member of an object; a null value when it is absent.</summary>
    public JsonPart this[string name]
    {
        get
        {
            if (Value.ValueKind != JsonValueKind.Object)
            {
                throw Wrong("must be an object");
            }
            return new(Value.TryGetProperty(name, out JsonElement member) ? member : default, File, Path.Length == 0 ? name : $"{Path}.{name}");
        }
    }

    public IEnumerable<JsonPart> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong("must be an array");
        }
        int i = 0;
        foreach (JsonElement item in Value.EnumerateArray())
        {
            yield return new(item, File, $"{Path}[{i++}]");
        }
    }

    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("must be a string");

    public string? TextOrNull() => IsNull ? null : Text();

    public int Integer() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number) && number >= 0 ? number : throw Wrong("must be a whole number of at least 0");

    public bool Flag(bool ifAbsent = false) => Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => ifAbsent,
        _ => throw Wrong("must be true or false"),
    };

    /// <summary>Complains unless the value is absent, null, false or an empty string.</summary>
    public void MustBeUnset()
    {
        bool unset = IsNull || Value.ValueKind == JsonValueKind.False || (Value.ValueKind == JsonValueKind.String && Value.GetString()!.Length == 0);
        if (!unset)
        {
            throw Wrong("is set, which is not supported; only null is");
        }
    }

    public InvalidDataException Wrong(string what) => new($"{File}: {(Path.Length == 0 ? "the document" : Path)} {what}.");

    public InvalidDataException Unsupported(string kind) => Wrong($"has the type '{kind}', which is not supported");
}
