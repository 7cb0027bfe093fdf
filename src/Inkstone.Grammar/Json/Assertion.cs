using System.Collections.Immutable;
using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>What follows where a schema holds: narrower tests, choices, and other schemas that hold or do not.</summary>
internal sealed class Assertion(SchemaSpace schemas, SchemaNode node, ValueBox box)
{
    private readonly List<IReadOnlyList<Alternatives.Way>> _choices = [];
    private readonly List<(SchemaNode, bool)> _literals = [];

    public ValueBox Box { get; private set; } = box;

    public IReadOnlyList<IReadOnlyList<Alternatives.Way>> Choices => _choices;

    public IReadOnlyList<(SchemaNode Node, bool Holds)> Literals => _literals;

    public void Read()
    {
        if (node.Element.ValueKind == JsonValueKind.False)
        {
            Box = ValueBox.Nothing;
            return;
        }
        if (node.Element.ValueKind != JsonValueKind.Object)
        {
            return;
        }
        Keywords.Check(node);
        foreach (JsonProperty property in node.Element.EnumerateObject())
        {
            Read(property.Name, property.Value);
        }
    }

    private SchemaNode Child(params ReadOnlySpan<string> steps) => schemas.Document.Child(node, steps);

    private Conjunction Subschema(params ReadOnlySpan<string> steps) => schemas.Literal(Child(steps));

    private void Read(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "type":
                Box = OfTypes(Box, Keywords.Types(node, value));
                break;
            case "enum" when value.ValueKind != JsonValueKind.Array:
                throw Keywords.Wrong(node, keyword, "an array");
            case "enum" or "const":
                Constants constants = new(schemas, node, keyword, keyword == "enum" ? [.. value.EnumerateArray()] : [value]);
                _choices.Add([new(constants.Within), .. constants.Others.Select(o => new Alternatives.Way(null, (o, true)))]);
                break;
            case "minimum" or "exclusiveMinimum" or "maximum" or "exclusiveMaximum" or "multipleOf":
                NumberTest test = Test(node, keyword, value);
                Box = Box with { Number = Box.Number?.Add(test) };
                break;
            case "minLength":
                Box = Box with { Text = Box.Text?.AtLeast(Keywords.Count(node, keyword, value)) };
                break;
            case "maxLength":
                Box = Box with { Text = Box.Text?.AtMost(Keywords.Count(node, keyword, value)) };
                break;
            case "pattern":
                CharDfa language = Keywords.Pattern(node, keyword, Keywords.Text(node, keyword, value));
                Box = Box with { Text = Box.Text?.Matching(language) };
                break;
            case "minItems":
                Box = Box with { Array = Box.Array?.AtLeast(Keywords.Count(node, keyword, value)) };
                break;
            case "maxItems":
                Box = Box with { Array = Box.Array?.AtMost(Keywords.Count(node, keyword, value)) };
                break;
            case "prefixItems" or "items":
                if (keyword == "prefixItems" || !node.Element.TryGetProperty("prefixItems", out _))
                {
                    (Conjunction[] First, Conjunction Others) items = Items(schemas, node);
                    Box = Box with { Array = Box.Array is { } a ? a with { Items = a.Items.Add(items) } : null };
                }
                break;
            case "contains":
                (long least, long? most) = Contained(node);
                if (least > 0 || most is not null)
                {
                    Box = Box with
                    {
                        Array = Box.Array is { } b ? b with { Some = b.Some.Add((0, Subschema("contains"), least, most)) } : null,
                    };
                }
                break;
            case "uniqueItems":
                if (Keywords.Flag(node, keyword, value))
                {
                    Box = Box with { Array = Box.Array is { } c ? c with { Unique = node } : null };
                }
                break;
            case "unevaluatedItems":
                Decide(
                    keyword,
                    e =>
                    {
                        Conjunction[] spoken = [.. Enumerable.Repeat(schemas.Any, e.First)];
                        Conjunction rest = e.Rest(schemas, node);
                        return b => b with { Array = b.Array is { } d ? d with { Items = d.Items.Add((spoken, rest)) } : null };
                    }
                );
                break;
            case "minContains" or "maxContains":
                _ = Keywords.Count(node, keyword, value);
                break;
            case "required":
                string[] names = Keywords.Texts(node, keyword, value);
                Change(o => o with { Required = o.Required.Union(names) });
                break;
            case "minProperties":
                long fewest = Keywords.Count(node, keyword, value);
                Change(o => o.AtLeast(fewest));
                break;
            case "maxProperties":
                long most2 = Keywords.Count(node, keyword, value);
                Change(o => o.AtMost(most2));
                break;
            case "properties" or "patternProperties":
                foreach (JsonProperty member in Keywords.Members(node, keyword, value))
                {
                    (NameSet set, Conjunction of) = (
                        keyword == "properties"
                            ? NameSet.Single(member.Name)
                            : NameSet.Matching(Keywords.Pattern(node, keyword, member.Name)),
                        Subschema(keyword, member.Name)
                    );
                    Change(o => o with { Values = o.Values.Add((set, of)) });
                }
                break;
            case "additionalProperties":
                NameSet others = Others(node);
                Conjunction additional = Subschema(keyword);
                Change(o => o with { Values = o.Values.Add((others, additional)) });
                break;
            case "unevaluatedProperties":
                Conjunction unevaluated = Subschema(keyword);
                Decide(
                    keyword,
                    e => b => b with { Object = b.Object is { } o ? o with { Values = o.Values.Add((e.Others, unevaluated)) } : null }
                );
                break;
            case "propertyNames":
                CharDfa allowed = schemas.Language(Subschema(keyword));
                Change(o => o with { Names = o.Names.Add(allowed) });
                break;
            case "dependentRequired":
                foreach (JsonProperty member in Keywords.Members(node, keyword, value))
                {
                    string[] needed = Keywords.Texts(node, keyword, member.Value);
                    Depends(
                        member.Name,
                        new(b => b with { Object = b.Object! with { Required = b.Object.Required.Union(needed).Add(member.Name) } })
                    );
                }
                break;
            case "dependentSchemas":
                foreach (JsonProperty member in Keywords.Members(node, keyword, value))
                {
                    Depends(
                        member.Name,
                        new(
                            b => b with { Object = b.Object! with { Required = b.Object.Required.Add(member.Name) } },
                            (Child(keyword, member.Name), true)
                        )
                    );
                }
                break;
            case "allOf":
                _literals.AddRange(List(keyword, value).Select(s => (s, true)));
                break;
            case "anyOf":
                _choices.Add([.. List(keyword, value).Select(s => new Alternatives.Way(null, (s, true)))]);
                break;
            case "oneOf":
                SchemaNode[] parts = List(keyword, value);
                _choices.Add([
                    .. parts.Select(s => new Alternatives.Way(null, [.. parts.Where(o => o != s).Select(o => (o, false)), (s, true)])),
                ]);
                break;
            case "not":
                _literals.Add((Child(keyword), false));
                break;
            case "if":
                (SchemaNode, bool)[] then = node.Element.TryGetProperty("then", out _) ? [(Child("then"), true)] : [],
                    otherwise = node.Element.TryGetProperty("else", out _) ? [(Child("else"), true)] : [];
                if (then.Length + otherwise.Length > 0)
                {
                    _choices.Add([new(null, [.. then, (Child("if"), true)]), new(null, [.. otherwise, (Child("if"), false)])]);
                }
                break;
            case "$ref" or "$dynamicRef":
                _literals.Add((schemas.Document.Resolve(node, keyword, Keywords.Text(node, keyword, value)), true));
                break;
        }
    }

    private void Change(Func<ObjectTests, ObjectTests> change) => Box = Box with { Object = Box.Object is { } o ? change(o) : null };

    private SchemaNode[] List(string keyword, JsonElement value) =>
        [.. Enumerable.Range(0, Keywords.Schemas(node, keyword, value)).Select(i => Child(keyword, $"{i}"))];

    /// <summary>Where there is such a property, something more holds.</summary>
    private void Depends(string name, Alternatives.Way then) =>
        _choices.Add([
            new(b => Without(schemas, node, b, name)),
            new(b => b.Object is null ? ValueBox.Nothing : then.Change!(new ValueBox { Object = b.Object }), then.Literals),
        ]);

    /// <summary>Asks of what is left out by unevaluatedProperties or unevaluatedItems what they say, for each combination of the schemas
    /// beside them.</summary>
    private void Decide(string keyword, Func<Evaluated, Func<ValueBox, ValueBox>> left)
    {
        Alternatives.Way[] ways = [.. Evaluated.Combinations(schemas, node, keyword).Select(e => e.Way(e.All ? b => b : left(e)))];
        if (ways is [{ Literals.Length: 0 } only])
        {
            Box = only.Change!(Box);
        }
        else
        {
            _choices.Add(ways);
        }
    }

    /// <summary>A box whose object has a property.</summary>
    public static ValueBox With(ValueBox b, string name) =>
        new() { Object = b.Object is { } o ? o with { Required = o.Required.Add(name) } : null };

    /// <summary>A box whose object, where it is one, lacks a property.</summary>
    public static ValueBox Without(SchemaSpace schemas, SchemaNode node, ValueBox b, string name) =>
        b with
        {
            Object = b.Object is { } o ? o with { Values = o.Values.Add((NameSet.Single(name), Nothing(schemas, node))) } : null,
        };

    /// <summary>No value.</summary>
    public static Conjunction Nothing(SchemaSpace schemas, SchemaNode node) =>
        schemas.Literal(schemas.Made(node, "nothing", () => "false"));

    public static ValueBox OfTypes(ValueBox box, string[] types) =>
        new()
        {
            Null = box.Null && types.Contains("null"),
            True = box.True && types.Contains("boolean"),
            False = box.False && types.Contains("boolean"),
            Number =
                types.Contains("number") ? box.Number
                : types.Contains("integer") ? box.Number?.Add(new NumberTest.Multiple(ExactNumber.One, true))
                : null,
            Text = types.Contains("string") ? box.Text : null,
            Array = types.Contains("array") ? box.Array : null,
            Object = types.Contains("object") ? box.Object : null,
        };

    public static NumberTest Test(SchemaNode node, string keyword, JsonElement value)
    {
        ExactNumber number = Keywords.Number(node, keyword, value);
        if (keyword == "multipleOf")
        {
            return number.Mantissa.Sign <= 0 ? throw Keywords.Wrong(node, keyword, "above 0")
                : number.Mantissa > NumberRules.LargestDivisor
                    ? throw node.Unsupported(keyword, $"has more than {NumberRules.LargestDivisor} in its digits, which is not supported")
                : new NumberTest.Multiple(number, true);
        }
        return new NumberTest.Bound(number, keyword is "minimum" or "exclusiveMinimum", keyword is "minimum" or "maximum");
    }

    /// <summary>What prefixItems and items say together. Up to draft 2019-09 items could hold a list, which is prefixItems today.</summary>
    public static (Conjunction[] First, Conjunction Others) Items(SchemaSpace schemas, SchemaNode node)
    {
        bool hasItems = node.Element.TryGetProperty("items", out JsonElement items),
            older = hasItems && items.ValueKind == JsonValueKind.Array,
            hasFirst = node.Element.TryGetProperty("prefixItems", out JsonElement first);
        if (older && hasFirst)
        {
            throw node.Unsupported("items", "holds an array, as in an older draft, beside prefixItems; it must be a schema");
        }
        string list = older ? "items" : "prefixItems";
        return (
            older || hasFirst
                ?
                [
                    .. Enumerable
                        .Range(0, Keywords.Schemas(node, list, older ? items : first))
                        .Select(i => schemas.Literal(schemas.Document.Child(node, list, $"{i}"))),
                ]
                : [],
            hasItems && !older ? schemas.Literal(schemas.Document.Child(node, "items")) : schemas.Any
        );
    }

    public static (long Least, long? Most) Contained(SchemaNode node) =>
        (
            node.Element.TryGetProperty("minContains", out JsonElement least) ? Keywords.Count(node, "minContains", least) : 1,
            node.Element.TryGetProperty("maxContains", out JsonElement most) ? Keywords.Count(node, "maxContains", most) : null
        );

    /// <summary>The names that a schema leaves to additionalProperties.</summary>
    public static NameSet Others(SchemaNode node)
    {
        JsonProperty[] Members(string keyword) =>
            node.Element.TryGetProperty(keyword, out JsonElement value) ? Keywords.Members(node, keyword, value) : [];
        return NameSet.Except(
            [.. Members("properties").Select(p => p.Name)],
            [.. Members("patternProperties").Select(p => Keywords.Pattern(node, "patternProperties", p.Name))]
        );
    }
}
