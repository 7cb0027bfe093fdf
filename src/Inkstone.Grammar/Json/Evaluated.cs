using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>
/// Which properties and items the schemas at one place of a value speak of, whatever the value: what unevaluatedProperties and
/// unevaluatedItems leave out. Schemas that hold for some values only, as those of anyOf, would make it depend on the value; where such a
/// one speaks of the same kind of thing the keyword is refused.
/// </summary>
internal sealed class Evaluated
{
    private readonly SchemaSpace _schemas;
    private readonly SchemaNode _owner;
    private readonly string _keyword;
    private readonly HashSet<SchemaNode> _seen = [];
    private readonly List<string> _names = [];
    private readonly List<CharDfa> _languages = [];

    /// <summary>What the schema <paramref name="owner"/> speaks of beside its keyword.</summary>
    public Evaluated(SchemaSpace schemas, SchemaNode owner, string keyword)
    {
        (_schemas, _owner, _keyword) = (schemas, owner, keyword);
        Read(owner);
    }

    /// <summary>Whether nothing is left out.</summary>
    public bool All { get; private set; }

    /// <summary>Items from the first on that are spoken of.</summary>
    public int First { get; private set; }

    /// <summary>The names of properties that are left out.</summary>
    public NameSet Others => NameSet.Except(_names, _languages);

    private bool OfItems => _keyword == "unevaluatedItems";

    private void Read(SchemaNode node)
    {
        if (node.Element.ValueKind != JsonValueKind.Object || !_seen.Add(node))
        {
            return;
        }
        foreach (JsonProperty property in node.Element.EnumerateObject())
        {
            (string keyword, JsonElement value) = (property.Name, property.Value);
            if (node != _owner && keyword == _keyword)
            {
                All = true;
            }
            else if (OfItems)
            {
                ReadItems(node, keyword, value);
            }
            else
            {
                ReadProperties(node, keyword, value);
            }
            switch (keyword)
            {
                case "$ref":
                    Read(_schemas.Document.Resolve(node, Keywords.Text(node, keyword, value)));
                    break;
                case "allOf":
                    List(node, keyword, value).ForEach(Read);
                    break;
                case "anyOf" or "oneOf":
                    List(node, keyword, value).ForEach(Sometimes);
                    break;
                case "if" or "then" or "else":
                    Sometimes(_schemas.Document.Child(node, keyword));
                    break;
                case "dependentSchemas":
                    foreach (JsonProperty member in Keywords.Members(node, keyword, value))
                    {
                        Sometimes(_schemas.Document.Child(node, keyword, member.Name));
                    }
                    break;
            }
        }
    }

    private void ReadItems(SchemaNode node, string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "prefixItems":
            case "items" when value.ValueKind == JsonValueKind.Array:
                First = Math.Max(First, Keywords.Schemas(node, keyword, value));
                break;
            case "items":
                All = true;
                break;
            case "contains":
                throw _owner.Unsupported(_keyword, "beside contains is not supported; use prefixItems and items");
        }
    }

    private void ReadProperties(SchemaNode node, string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "properties":
                _names.AddRange(Keywords.Members(node, keyword, value).Select(m => m.Name));
                break;
            case "patternProperties":
                _languages.AddRange(Keywords.Members(node, keyword, value).Select(m => Keywords.Pattern(node, keyword, m.Name)));
                break;
            case "additionalProperties":
                All = true;
                break;
        }
    }

    /// <summary>A schema that holds for some values only must not speak of what is asked for.</summary>
    private void Sometimes(SchemaNode node)
    {
        Evaluated inner = new(_schemas, node, _keyword);
        if (inner.All || inner.First > 0 || inner._names.Count + inner._languages.Count > 0 || Has(node))
        {
            throw _owner.Unsupported(
                _keyword,
                $"is supported beside allOf and $ref only, and {node.Path} holds for some values; "
                    + (OfItems ? "use prefixItems and items there" : "use additionalProperties there")
            );
        }
    }

    private bool Has(SchemaNode node) => node.Element.ValueKind == JsonValueKind.Object && node.Element.TryGetProperty(_keyword, out _);

    private List<SchemaNode> List(SchemaNode node, string keyword, JsonElement value) =>
        [.. Enumerable.Range(0, Keywords.Schemas(node, keyword, value)).Select(i => _schemas.Document.Child(node, keyword, $"{i}"))];
}
