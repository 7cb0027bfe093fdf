using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>Members of a JSON object in a request. What is missing or null is null; what is of the wrong kind is refused by name.</summary>
internal readonly struct Fields(JsonElement element, string path = "")
{
    public JsonElement Element => element;

    /// <summary>A member, or null where it is missing or null.</summary>
    public JsonElement? this[string name] =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public bool Has(string name) => this[name] is not null;

    public string? Text(string name) =>
        this[name] is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(name, "a text", value);

    public string NeededText(string name) => Text(name) ?? throw Missing(name);

    public bool? Flag(string name) =>
        this[name] is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(name, "true or false", value);

    public double? Number(string name, double least, double most) =>
        this[name] is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most ? number
        : throw Wrong(name, Range("a number", least, most), value);

    public int? Whole(string name, int least, int most = int.MaxValue)
    {
        if (this[name] is not { } value)
        {
            return null;
        }
        // 16.0 is a whole number, too: JavaScript and Python write what they have.
        return
            value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out double number)
            && number == Math.Floor(number)
            && number >= least
            && number <= most
            ? (int)number
            : throw Wrong(name, Range("a whole number", least, most), value);
    }

    public Fields? Object(string name) =>
        this[name] is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new Fields(value, Path(name))
        : throw Wrong(name, "an object", value);

    public JsonElement[]? Array(string name) =>
        this[name] is not { } value ? null
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()]
        : throw Wrong(name, "a list", value);

    public JsonElement[] NeededArray(string name) => Array(name) ?? throw Missing(name);

    /// <summary>The objects of a list.</summary>
    public Fields[]? Objects(string name)
    {
        string path = Path(name);
        return Array(name) is not { } items
            ? null
            :
            [
                .. items.Select(
                    (item, i) =>
                        item.ValueKind == JsonValueKind.Object
                            ? new Fields(item, $"{path}[{i}]")
                            : throw ApiException.Bad(path, $"{path}[{i}] must be an object, it is {Shown(item)}.")
                ),
            ];
    }

    /// <summary>A text, or a list of texts.</summary>
    public string[]? Texts(string name) =>
        this[name] switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } one => [one.GetString()!],
            { ValueKind: JsonValueKind.Array } many when many.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String) =>
            [
                .. many.EnumerateArray().Select(t => t.GetString()!),
            ],
            { } other => throw Wrong(name, "a text or a list of texts", other),
        };

    /// <summary>Refuses a list or an object with other than the wanted members.</summary>
    public JsonObject? Node(string name) => Object(name) is { } fields ? JsonObject.Create(fields.Element) : null;

    public string Path(string name) => path.Length == 0 ? name : $"{path}.{name}";

    public ApiException Missing(string name) => ApiException.Bad(Path(name), $"{Path(name)} is missing.");

    public ApiException Wrong(string name, string wanted, JsonElement value) =>
        ApiException.Bad(Path(name), $"{Path(name)} must be {wanted}, it is {Shown(value)}.");

    public ApiException Wrong(string name, string wanted) => Wrong(name, wanted, this[name] ?? default);

    public static string Shown(JsonElement value)
    {
        string text = value.ValueKind == JsonValueKind.Undefined ? "missing" : value.GetRawText();
        return text.Length > 40 ? text[..40] + "…" : text;
    }

    private static string Range(string kind, double least, double most) =>
        most >= int.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"{kind}, at least {least}")
            : string.Create(CultureInfo.InvariantCulture, $"{kind} from {least} to {most}");
}
