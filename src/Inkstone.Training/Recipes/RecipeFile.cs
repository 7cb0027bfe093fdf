using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>A YAML recipe as text: loading, <c>--section.key value</c> overrides, and writing the resolved form.</summary>
internal static class RecipeFile
{
    /// <summary>Keys that say how long a run is: exactly one of them counts.</summary>
    private static readonly string[] Lengths = ["train.steps", "train.tokens", "train.minutes", "train.epochs"];

    /// <summary>Reads a recipe and applies overrides; a list value is written a,b,c or as YAML.</summary>
    /// <param name="path">the file</param>
    /// <param name="overrides">pairs such as ("train.steps", "100"), later ones win</param>
    public static RecipeSection Load(string path, IReadOnlyList<KeyValuePair<string, string>> overrides)
    {
        using StreamReader reader = new(path);
        return Parse(reader, path, overrides);
    }

    /// <inheritdoc cref="Load"/>
    internal static RecipeSection Parse(TextReader reader, string path, IReadOnlyList<KeyValuePair<string, string>> overrides)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(reader);
        }
        catch (YamlException e)
        {
            throw new InvalidDataException($"{path}:{e.Start.Line}: this is not valid YAML: {e.Message}");
        }
        YamlMappingNode root =
            stream.Documents.Count == 0
                ? []
                : stream.Documents[0].RootNode as YamlMappingNode
                    ?? throw new InvalidDataException(
                        $"{path}: a recipe is a list of sections such as 'train:'; this file is something else"
                    );
        if (overrides.Any(o => Lengths.Contains(o.Key) && o.Value is not ("" or "~" or "null")))
        {
            // A length that is given replaces the file's, whatever that is measured in.
            foreach (string length in Lengths.Where(length => Find(root, length) is not null))
            {
                Set(root, length, "null");
            }
        }
        foreach ((string key, string value) in overrides)
        {
            Set(root, key, value);
        }
        return new RecipeSection(root, path, overrides.Select(o => o.Key).ToHashSet());
    }

    /// <summary>The recipe as it was read, defaults included.</summary>
    public static string Resolved(RecipeSection root)
    {
        StringBuilder text = new();
        Write(text, root, 0);
        return text.ToString();
    }

    /// <summary>The values of a resolved recipe by their paths, such as train.steps; lists as they are written.</summary>
    internal static IReadOnlyDictionary<string, string> Values(string resolved)
    {
        YamlStream stream = [];
        using StringReader reader = new(resolved);
        stream.Load(reader);
        Dictionary<string, string> values = [];
        Add("", stream.Documents[0].RootNode);
        return values;

        void Add(string path, YamlNode node)
        {
            if (node is not YamlMappingNode section)
            {
                values[path] = Inline(node);
                return;
            }
            foreach ((YamlNode key, YamlNode value) in section.Children)
            {
                Add(path.Length == 0 ? Inline(key) : $"{path}.{Inline(key)}", value);
            }
        }
    }

    private static YamlNode? Find(YamlMappingNode root, string path) =>
        path.Split('.')
            .Aggregate(
                (YamlNode?)root,
                (at, key) =>
                    at is YamlMappingNode section && section.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? child)
                        ? child
                        : null
            );

    private static void Set(YamlMappingNode root, string path, string value)
    {
        string[] keys = path.Split('.');
        YamlMappingNode at = root;
        foreach (string key in keys[..^1])
        {
            YamlScalarNode name = new(key);
            if (!at.Children.TryGetValue(name, out YamlNode? child) || child is not YamlMappingNode)
            {
                at.Children[name] = child = new YamlMappingNode();
            }
            at = (YamlMappingNode)child;
        }
        YamlScalarNode last = new(keys[^1]);
        at.Children.Remove(last);
        at.Children[last] = Parse(path, value);
    }

    private static YamlNode Parse(string key, string value)
    {
        if (value.StartsWith('[') && value.EndsWith(']'))
        {
            YamlStream stream = [];
            try
            {
                using StringReader reader = new(value);
                stream.Load(reader);
            }
            catch (YamlException)
            {
                throw new InvalidDataException($"on the command line: {key} must be a list such as [a, b], got '{value}'");
            }
            YamlSequenceNode items = [];
            foreach (YamlNode item in (YamlSequenceNode)stream.Documents[0].RootNode)
            {
                items.Add(
                    new YamlScalarNode(
                        (item as YamlScalarNode)?.Value
                            ?? throw new InvalidDataException(
                                $"on the command line: {key} must be a list of texts such as [a, b], got '{value}'"
                            )
                    )
                );
            }
            return items;
        }
        return new YamlScalarNode(value);
    }

    private static void Write(StringBuilder text, RecipeSection section, int indent)
    {
        foreach ((string key, object? value) in section.Read)
        {
            text.Append(' ', indent).Append(key).Append(':');
            switch (value)
            {
                case RecipeSection inner:
                    if (inner.Read.Count > 0)
                    {
                        text.Append('\n');
                        Write(text, inner, indent + 2);
                    }
                    else
                    {
                        text.Append(" {}\n");
                    }
                    break;
                case IReadOnlyList<string> list:
                    text.Append(" [").AppendJoin(", ", list.Select(Quote)).Append("]\n");
                    break;
                case YamlNode node:
                    text.Append(' ').Append(Inline(node)).Append('\n');
                    break;
                case string scalar:
                    text.Append(' ').Append(Quote(scalar)).Append('\n');
                    break;
                default:
                    text.Append(" null\n");
                    break;
            }
        }
    }

    private static string Inline(YamlNode node) =>
        node switch
        {
            YamlMappingNode mapping => "{" + string.Join(", ", mapping.Children.Select(c => Inline(c.Key) + ": " + Inline(c.Value))) + "}",
            YamlSequenceNode sequence => "[" + string.Join(", ", sequence.Select(Inline)) + "]",
            YamlScalarNode { Style: ScalarStyle.DoubleQuoted or ScalarStyle.SingleQuoted } quoted => Quoted(quoted.Value ?? ""),
            _ => ((YamlScalarNode)node).Value ?? "null",
        };

    /// <summary>A double-quoted YAML scalar where a plain one could be read as something else.</summary>
    private static string Quote(string value)
    {
        bool plain =
            value.Length > 0
            && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '/' or '+')
            && char.IsAsciiLetterOrDigit(value[0])
            && value is not "null";
        return plain ? value : Quoted(value);
    }

    private static string Quoted(string value) =>
        "\""
        + value
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\t", "\\t", StringComparison.Ordinal)
        + "\"";
}
