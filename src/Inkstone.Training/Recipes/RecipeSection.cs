using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Files;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>
/// A mapping of a recipe, read strictly: each key is asked for by name and kind, and <see cref="Close"/> refuses the keys that nobody asked
/// for.
/// What was read, defaults included, is remembered, so the resolved recipe that a run writes down cannot differ from what it used.
/// </summary>
internal sealed partial class RecipeSection
{
    private readonly YamlMappingNode _node;
    private readonly string _file;
    private readonly string _path;
    private readonly IReadOnlySet<string> _overridden;
    private readonly List<(string Key, object? Value)> _read = [];
    private readonly List<string> _alsoKnown = [];
    private readonly List<InvalidDataException> _missing = [];
    private readonly Dictionary<string, JsonObject> _shapes = [];
    private bool _isOpen;

    internal RecipeSection(YamlMappingNode node, string file, IReadOnlySet<string> overridden, string path = "") =>
        (_node, _file, _overridden, _path) = (node, file, overridden, path);

    /// <summary>What was read, in order; values are strings, lists of strings or sections.</summary>
    internal IReadOnlyList<(string Key, object? Value)> Read => _read;

    /// <summary>The keys that are written.</summary>
    public IReadOnlyList<string> Keys
    {
        get
        {
            _isOpen = true; // whoever looks at what is there takes any name
            return [.. _node.Children.Keys.OfType<YamlScalarNode>().Select(k => k.Value ?? "")];
        }
    }

    /// <summary>Its own key in the section above.</summary>
    public string Name => _path[(_path.LastIndexOf('.') + 1)..];

    /// <summary>True when the key is written with a value.</summary>
    public bool Has(string key) => Find(key) is { } node && !IsNull(node);

    /// <summary>A nested mapping; an empty one when the key is absent.</summary>
    public RecipeSection Section(string key)
    {
        YamlNode? node = Find(key);
        YamlMappingNode mapping =
            node is null || IsNull(node) ? [] : node as YamlMappingNode ?? throw Wrong(node, key, "must be a section with keys of its own");
        RecipeSection section = new(mapping, _file, _overridden, PathOf(key));
        _read.Add((key, section));
        return section;
    }

    /// <summary>The same, handed out twice: for a section that fills two records.</summary>
    internal RecipeSection Section(string key, out RecipeSection section) => section = Section(key);

    /// <summary>Text, or <paramref name="fallback"/> when absent.</summary>
    public string? Text(string key, string? fallback = null)
    {
        Shape(key, new() { ["type"] = new JsonArray("string", "number", "null") }, fallback);
        return Remember(key, Scalar(key)?.Value ?? fallback);
    }

    /// <summary>Text that must be there.</summary>
    public string RequiredText(string key)
    {
        string? text = Text(key);
        Require(text is not null, key, "is missing; add it");
        return text ?? "";
    }

    /// <summary>One of a few words.</summary>
    public string Choice(string key, string fallback, params string[] words)
    {
        string value = Text(key, fallback)!;
        Shape(
            key,
            words is ["true", "false"]
                ? new() { ["type"] = new JsonArray("boolean", "null") }
                : new() { ["enum"] = new JsonArray([.. words, null]) },
            words is ["true", "false"] ? fallback == "true" : fallback
        );
        return words.Contains(value)
            ? value
            : throw Wrong(Find(key)!, key, $"must be one of {string.Join(", ", words)}, got '{value}'{Spelling.Suggestion(value, words)}");
    }

    /// <summary>A real number in [<paramref name="min"/>, <paramref name="max"/>].</summary>
    public double Number(string key, double fallback, double min = double.MinValue, double max = double.MaxValue)
    {
        double? read = OptionalNumber(key, min, max);
        Shape(key, NumberShape("number", min, max), fallback);
        return read ?? RememberLast(key, fallback);
    }

    /// <summary>A real number, or null when absent.</summary>
    public double? OptionalNumber(string key, double min = double.MinValue, double max = double.MaxValue)
    {
        Shape(key, NumberShape("number", min, max), null);
        if (Scalar(key) is not { } node)
        {
            Remember(key, null);
            return null;
        }
        if (
            !double.TryParse(
                node.Value?.Replace("_", "", StringComparison.Ordinal),
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out double value
            ) || !double.IsFinite(value)
        )
        {
            throw Wrong(node, key, $"must be a number, got '{node.Value}'");
        }
        if (value < min || value > max)
        {
            throw Wrong(node, key, $"must be {Bounds(min, max, value)}, got {node.Value}");
        }
        Remember(key, value.ToString("R", CultureInfo.InvariantCulture));
        return value;
    }

    /// <summary>A whole number in [<paramref name="min"/>, <paramref name="max"/>].</summary>
    public int Integer(string key, int fallback, int min = 0, int max = int.MaxValue)
    {
        long? read = OptionalInteger(key, min, max);
        Shape(key, NumberShape("integer", min, max), fallback);
        return (int)(read ?? (long)RememberLast(key, fallback));
    }

    /// <summary>A whole number, or null when absent.</summary>
    public long? OptionalInteger(string key, long min = 0, long max = long.MaxValue)
    {
        double? value = OptionalNumber(key, min, max);
        Shape(key, NumberShape("integer", min, max), null);
        return value is null ? null
            : value == Math.Floor(value.Value) ? (long)value.Value
            : throw Wrong(Find(key)!, key, $"must be a whole number, got {value.Value.ToString(CultureInfo.InvariantCulture)}");
    }

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool fallback) => Choice(key, fallback ? "true" : "false", "true", "false") == "true";

    /// <summary>A list of texts; a single text is a list of one.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        Shape(
            key,
            new()
            {
                ["anyOf"] = new JsonArray(
                    Kind("string"),
                    Kind("number"),
                    Kind("null"),
                    new JsonObject
                    {
                        ["type"] = "array",
                        ["items"] = new JsonObject { ["type"] = new JsonArray("string", "number") },
                    }
                ),
            },
            null
        );
        List<string> values = [];
        switch (Find(key))
        {
            case null:
                break;
            case YamlScalarNode scalar:
                if (!IsNull(scalar))
                {
                    values.Add(scalar.Value!);
                }
                break;
            case YamlSequenceNode sequence:
                foreach (YamlNode item in sequence)
                {
                    values.Add((item as YamlScalarNode)?.Value ?? throw Wrong(item, key, "must be a list of texts"));
                }
                break;
            case { } other:
                throw Wrong(other, key, "must be a list of texts");
        }
        _read.Add((key, values));
        return values;
    }

    /// <summary>A mapping whose keys are free, as JSON (plain true, false, null and numbers are those, everything else is text); null when
    /// absent.</summary>
    public JsonObject? FreeMapping(string key)
    {
        Shape(key, new() { ["type"] = new JsonArray("object", "null") }, null);
        YamlNode? node = Find(key);
        if (node is null || IsNull(node))
        {
            _alsoKnown.Add(key);
            return null;
        }
        _read.Add((key, node));
        return YamlJson.Convert(node) as JsonObject ?? throw Wrong(node, key, "must be a section with keys of its own");
    }

    /// <summary>Those of the given keys that are written, as their YAML values; the others count as known.</summary>
    public IReadOnlyDictionary<string, YamlNode> Present(params ReadOnlySpan<string> keys)
    {
        Dictionary<string, YamlNode> present = [];
        foreach (string key in keys)
        {
            if (Find(key) is { } node)
            {
                present[key] = node;
                _read.Add((key, node));
            }
            else
            {
                _alsoKnown.Add(key);
            }
        }
        return present;
    }

    /// <summary>All but some of its keys, as YAML.</summary>
    internal string Without(string[] keys)
    {
        YamlMappingNode rest = new(_node.Children.Where(c => !keys.Contains((c.Key as YamlScalarNode)?.Value)));
        using StringWriter text = new();
        new YamlStream(new YamlDocument(rest)).Save(text, assignAnchors: false);
        return text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
    }

    private static string Bounds(double min, double max, double value)
    {
        string low = min.ToString("R", CultureInfo.InvariantCulture),
            high = max.ToString("R", CultureInfo.InvariantCulture);
        return min == double.MinValue ? "at most " + high
            : max >= int.MaxValue && value < min ? "at least " + low
            : $"between {low} and {high}";
    }

    private string? Remember(string key, string? value)
    {
        _read.Add((key, value));
        return value;
    }

    private double RememberLast(string key, double value)
    {
        _read[^1] = (key, value.ToString("R", CultureInfo.InvariantCulture));
        return value;
    }

    private YamlScalarNode? Scalar(string key) =>
        Find(key) switch
        {
            null => null,
            YamlScalarNode scalar => IsNull(scalar) ? null : scalar,
            { } other => throw (
                _overridden.FirstOrDefault(o => o.StartsWith(PathOf(key) + ".", StringComparison.Ordinal)) is { } flag
                    ? new InvalidDataException(
                        $"on the command line: there is no recipe key '{flag}'; {PathOf(key)} is a single value: write --{PathOf(key)} VALUE"
                    )
                    : Wrong(other, key, "must be a single value")
            ),
        };

    private YamlNode? Find(string key) => _node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;

    private static bool IsNull(YamlNode node) =>
        node
            is YamlScalarNode
            {
                Style: YamlDotNet.Core.ScalarStyle.Plain or YamlDotNet.Core.ScalarStyle.Any,
                Value: null or "" or "~" or "null"
            };

    private string PathOf(string key) => _path.Length == 0 ? key : _path + "." + key;

    private InvalidDataException Wrong(YamlNode node, string key, string what) => new($"{Where(node, key)}: {PathOf(key)} {what}");

    /// <summary>file:line, or the flag that set the value.</summary>
    private string Where(YamlNode node, string key) =>
        _overridden.Contains(PathOf(key)) ? "on the command line" : $"{_file}:{node.Start.Line}";
}
