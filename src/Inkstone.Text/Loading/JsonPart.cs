using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Inkstone.Text;

/// <summary>A value of a JSON file that knows its own path, so that every complaint can say where.</summary>
internal readonly record struct JsonPart(JsonElement Value, string File, string Path)
{
    public bool IsNull => Value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsText => Value.ValueKind == JsonValueKind.String;

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
            return new(
                Value.TryGetProperty(name, out JsonElement member) ? member : default,
                File,
                Path.Length == 0 ? name : $"{Path}.{name}"
            );
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

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (!IsObject)
        {
            throw Wrong("must be an object");
        }
        foreach (JsonProperty member in Value.EnumerateObject())
        {
            yield return (member.Name, this[member.Name]);
        }
    }

    /// <summary>The steps of a Sequence, those of nested ones too; of another type the part itself, of null none.</summary>
    public IEnumerable<JsonPart> Sequence(string members)
    {
        if (IsNull)
        {
            return [];
        }
        return this["type"].Text() == "Sequence" ? this[members].Items().SelectMany(step => step.Sequence(members)) : [this];
    }

    /// <summary>A pattern: {"String": …} or {"Regex": …}.</summary>
    public TextPattern Pattern()
    {
        if (this["String"].TextOrNull() is { } text)
        {
            return new LiteralPattern(text);
        }
        try
        {
            return new RegexPattern(this["Regex"].Text());
        }
        catch (ArgumentException fault)
        {
            throw this["Regex"].Wrong($"cannot be used: {fault.Message.ReplaceLineEndings(" ").TrimEnd('.')}");
        }
    }

    /// <summary>A string of one character.</summary>
    public Rune Character() =>
        Text() is { Length: > 0 } text
        && Rune.DecodeFromUtf16(text, out Rune rune, out int size) == OperationStatus.Done
        && size == text.Length
            ? rune
            : throw Wrong("must be one character");

    public string Text()
    {
        try
        {
            return Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("must be a string");
        }
        catch (InvalidOperationException)
        {
            throw Wrong("is no valid Unicode");
        }
    }

    public string? TextOrNull() => IsNull ? null : Text();

    public int Integer() =>
        Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number) && number >= 0
            ? number
            : throw Wrong("must be a whole number of at least 0");

    public bool Flag(bool ifAbsent = false) =>
        Value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Null or JsonValueKind.Undefined => ifAbsent,
            _ => throw Wrong("must be true or false"),
        };

    public InvalidDataException Wrong(string what) => new($"{File}: {(Path.Length == 0 ? "the document" : Path)} {what}.");

    public InvalidDataException Unsupported(string kind, string known) =>
        Wrong($"has the type '{kind}', which is not supported; {known} are");
}
