using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>A JSON Schema, with what its references mean: #, JSON pointers, anchors, and resources within the document that have an
/// $id.</summary>
internal sealed class SchemaDocument
{
    private static readonly string[] OneSchema =
    [
        "not",
        "if",
        "then",
        "else",
        "items",
        "contains",
        "additionalProperties",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ];
    private static readonly string[] ManySchemas = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];
    private static readonly string[] ListsOfSchemas = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];

    private readonly Dictionary<string, SchemaNode> _byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SchemaNode> _byAddress = new(StringComparer.Ordinal);
    private readonly List<SchemaNode> _made = [];

    public SchemaDocument(JsonElement root)
    {
        Visit(root, "#", new Uri("json-schema:///"), isRoot: true);
        Root = _byPath["#"];
    }

    public SchemaNode Root { get; }

    public int Count => _made.Count;

    /// <summary>The schema at a place below another.</summary>
    public SchemaNode Child(SchemaNode node, params ReadOnlySpan<string> steps)
    {
        string path = node.Path;
        foreach (string step in steps)
        {
            path += "/" + Pointer.Escape(step);
        }
        return _byPath.TryGetValue(path, out SchemaNode? child)
            ? child
            : throw new GrammarException($"{path}: a schema is an object, true or false", null, path);
    }

    /// <summary>A schema that is not in the document, such as one that says what a constant is.</summary>
    public SchemaNode Made(SchemaNode owner, string json)
    {
        string path = $"{owner.Path}/{_byPath.Count}";
        using JsonDocument document = JsonDocument.Parse(json);
        Visit(document.RootElement.Clone(), path, owner.Root, isRoot: false);
        return _byPath[path];
    }

    /// <summary>What $ref or $dynamicRef means.</summary>
    public SchemaNode Resolve(SchemaNode from, string keyword, string reference)
    {
        SchemaNode target = Find(from, keyword, reference);
        string anchor = reference[(reference.IndexOf('#', StringComparison.Ordinal) + 1)..];
        if (keyword == "$ref" || anchor.Length == reference.Length || Text(target.Element, "$dynamicAnchor") != anchor)
        {
            return target;
        }
        // It means the anchor of the outermost resource on the way here. Every way begins at the root's.
        SchemaNode[] named = [.. _made.Where(n => Text(n.Element, "$dynamicAnchor") == anchor)];
        return Array.Find(named, n => n.Root == Root.Root)
            ?? (
                named.Length == 1
                    ? target
                    : throw from.Unsupported(
                        keyword,
                        $"leads to \"{reference}\", which several resources have and the outermost has not; say in the root what it means, or use $ref"
                    )
            );
    }

    private SchemaNode Find(SchemaNode from, string keyword, string reference)
    {
        if (!Uri.TryCreate(from.Root, reference, out Uri? address))
        {
            throw from.Unsupported(keyword, $"holds \"{reference}\", which is no address");
        }
        string fragment = Uri.UnescapeDataString(address.Fragment),
            resource = address.GetComponents(UriComponents.AbsoluteUri & ~UriComponents.Fragment, UriFormat.UriEscaped);
        if (!_byAddress.TryGetValue(resource, out SchemaNode? node))
        {
            throw from.Unsupported(
                keyword,
                $"leads to \"{reference}\", which is not in this schema; put it into $defs and refer to that, for nothing is fetched"
            );
        }
        if (fragment.Length > 1 && fragment[1] != '/')
        {
            return _byAddress.TryGetValue(resource + fragment, out SchemaNode? anchor)
                ? anchor
                : throw from.Unsupported(keyword, $"leads to \"{reference}\", and there is no such anchor");
        }
        string path =
            node.Path
            + (
                fragment.Length > 1
                    ? string.Concat(fragment[1..].Split('/').Skip(1).Select(s => "/" + Pointer.Escape(Pointer.Unescape(s))))
                    : ""
            );
        return _byPath.TryGetValue(path, out SchemaNode? target) || (target = Unlisted(node, fragment, path)) is not null
            ? target
            : throw from.Unsupported(keyword, $"leads to \"{reference}\", and nothing is there");
    }

    /// <summary>A reference may lead to a place that no keyword makes a schema.</summary>
    private SchemaNode? Unlisted(SchemaNode root, string fragment, string path)
    {
        JsonElement at = root.Element;
        foreach (string step in fragment[1..].Split('/').Skip(1).Select(Pointer.Unescape))
        {
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(step, out JsonElement next))
            {
                at = next;
            }
            else if (at.ValueKind == JsonValueKind.Array && int.TryParse(step, out int index) && index < at.GetArrayLength())
            {
                at = at[index];
            }
            else
            {
                return null;
            }
        }
        Visit(at, path, root.Root, isRoot: false);
        return _byPath[path];
    }

    private void Visit(JsonElement element, string path, Uri root, bool isRoot)
    {
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
        {
            throw new GrammarException(
                $"{path}: a schema is an object, true or false, and not {element.GetRawText() switch { { Length: > 40 } s => s[..40] + "…", var s => s }}",
                null,
                path
            );
        }
        bool isObject = element.ValueKind == JsonValueKind.Object;
        if (isObject && Text(element, "$id") is { } id && Uri.TryCreate(root, id, out Uri? own))
        {
            (root, isRoot) = (own, true);
        }
        SchemaNode node = new(element, path, root, _byPath.Count);
        if (!_byPath.TryAdd(path, node))
        {
            return;
        }
        _made.Add(node);
        string resource = root.GetComponents(UriComponents.AbsoluteUri & ~UriComponents.Fragment, UriFormat.UriEscaped);
        if (isRoot)
        {
            _byAddress[resource] = node;
        }
        if (!isObject)
        {
            return;
        }
        foreach (string anchor in new[] { "$anchor", "$dynamicAnchor" })
        {
            if (Text(element, anchor) is { } name)
            {
                _byAddress[$"{resource}#{name}"] = node;
            }
        }
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string below = path + "/" + Pointer.Escape(property.Name);
            if (OneSchema.Contains(property.Name) && property.Value.ValueKind != JsonValueKind.Array)
            {
                Visit(property.Value, below, root, isRoot: false);
            }
            else if (ManySchemas.Contains(property.Name) && property.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty child in property.Value.EnumerateObject())
                {
                    Visit(child.Value, below + "/" + Pointer.Escape(child.Name), root, isRoot: false);
                }
            }
            else if (ListsOfSchemas.Contains(property.Name) && property.Value.ValueKind == JsonValueKind.Array)
            {
                int i = 0;
                foreach (JsonElement child in property.Value.EnumerateArray())
                {
                    Visit(child, $"{below}/{i++}", root, isRoot: false);
                }
            }
        }
    }

    private static string? Text(JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object
        && element.TryGetProperty(key, out JsonElement value)
        && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
