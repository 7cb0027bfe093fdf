using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>What a column of JSON values is.</summary>
internal enum ShapeKind
{
    /// <summary>Nothing but null so far.</summary>
    Nothing,

    Boolean,

    Integer,

    Number,

    Text,

    List,

    Group,

    /// <summary>Values of several kinds, or objects without keys: each is kept as the text of its JSON.</summary>
    Json,
}

/// <summary>The common shape of the JSON values of a column, found by looking at all of them.</summary>
internal sealed class JsonShape
{
    private readonly List<string> _names = [];
    private readonly Dictionary<string, JsonShape> _fields = new(StringComparer.Ordinal);
    private ShapeKind _kind;
    private bool _hasNoNumber,
        _hasHuge,
        _hasNegative;

    public ShapeKind Kind =>
        _kind switch
        {
            ShapeKind.Nothing when _hasNoNumber => ShapeKind.Text,
            // A double would round whole numbers beyond 63 bits, and none has a sign and 64 bits.
            ShapeKind.Number when _hasHuge => ShapeKind.Json,
            ShapeKind.Integer when _hasHuge && _hasNegative => ShapeKind.Json,
            ShapeKind.Integer when _hasNoNumber => _hasHuge ? ShapeKind.Json : ShapeKind.Number,
            _ => _kind,
        };

    /// <summary>Whether whole numbers need the 64th bit.</summary>
    public bool IsUnsigned => _hasHuge;

    /// <summary>Of a list: the shape of its elements.</summary>
    public JsonShape? Element { get; private set; }

    /// <summary>Of a group: its fields in the order in which they were met first.</summary>
    public IEnumerable<(string Name, JsonShape Shape)> Fields => _names.Select(n => (n, _fields[n]));

    /// <summary>Whether all whole numbers fit into 32 bits.</summary>
    public bool IsNarrow { get; private set; } = true;

    /// <summary>Widens the shape until the value fits.</summary>
    public void Add(JsonNode? value)
    {
        switch (value)
        {
            case null:
                return;
            case JsonObject group when Becomes(group.Count == 0 && _kind != ShapeKind.Group ? ShapeKind.Json : ShapeKind.Group):
                foreach ((string name, JsonNode? field) in group)
                {
                    if (!_fields.TryGetValue(name, out JsonShape? shape))
                    {
                        _fields[name] = shape = new JsonShape();
                        _names.Add(name);
                    }
                    shape.Add(field);
                }
                return;
            case JsonArray list when Becomes(ShapeKind.List):
                Element ??= new JsonShape();
                foreach (JsonNode? element in list)
                {
                    Element.Add(element);
                }
                return;
            case JsonValue scalar:
                switch (scalar.GetValueKind())
                {
                    case JsonValueKind.True or JsonValueKind.False:
                        Becomes(ShapeKind.Boolean);
                        return;
                    case JsonValueKind.String when _kind != ShapeKind.Text && Cells.IsNoNumber(scalar.GetValue<string>()):
                        _hasNoNumber = true; // A number beside numbers, a text beside texts.
                        return;
                    case JsonValueKind.String:
                        Becomes(ShapeKind.Text);
                        return;
                }
                string digits = scalar.ToJsonString();
                bool isWhole = long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number);
                bool isHuge = !isWhole && ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _);
                if (isWhole)
                {
                    IsNarrow &= number is >= int.MinValue and <= int.MaxValue;
                }
                _hasHuge |= isHuge;
                _hasNegative |= isWhole && number < 0;
                Becomes(
                    isWhole || isHuge ? ShapeKind.Integer
                    : digits.AsSpan().IndexOfAny(".eE") >= 0 ? ShapeKind.Number
                    : ShapeKind.Json
                );
                return;
        }
    }

    private bool Becomes(ShapeKind kind)
    {
        _kind = (_kind, kind) switch
        {
            (ShapeKind.Nothing, _) => kind,
            (ShapeKind.Integer, ShapeKind.Number) or (ShapeKind.Number, ShapeKind.Integer) => ShapeKind.Number,
            _ when _kind == kind => kind,
            _ => ShapeKind.Json,
        };
        return _kind == kind;
    }
}
