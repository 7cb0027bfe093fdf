using System.Text.Json;
using Way = Inkstone.Grammar.Alternatives.Way;

namespace Inkstone.Grammar;

/// <summary>The ways in which a schema can fail to hold: one of its keywords does not.</summary>
internal sealed class Refutation(SchemaSpace schemas, SchemaNode node)
{
    public IReadOnlyList<Way> Ways()
    {
        if (node.Element.ValueKind != JsonValueKind.Object)
        {
            return node.Element.ValueKind == JsonValueKind.True ? [] : [new(null)];
        }
        Keywords.Check(node);
        return [.. node.Element.EnumerateObject().SelectMany(p => Ways(p.Name, p.Value))];
    }

    private SchemaNode Child(params ReadOnlySpan<string> steps) => schemas.Document.Child(node, steps);

    private Conjunction Not(params ReadOnlySpan<string> steps) => schemas.Literal(Child(steps), false);

    private static Way Number(NumberTest test) => new(b => new ValueBox { Number = b.Number?.Add(test) });

    private static Way Text(Func<TextTests, TextTests> change) => new(b => new ValueBox { Text = b.Text is { } t ? change(t) : null });

    private static Way Array(Func<ArrayTests, ArrayTests> change) => new(b => new ValueBox { Array = b.Array is { } a ? change(a) : null });

    private static Way Object(Func<ObjectTests, ObjectTests> change, params (SchemaNode, bool)[] literals) =>
        new(b => new ValueBox { Object = b.Object is { } o ? change(o) : null }, literals);

    private static Way Never { get; } = new(_ => ValueBox.Nothing);

    private IEnumerable<Way> Ways(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "type":
                string[] types = Keywords.Types(node, value);
                return [new(b => NotOfTypes(b, types))];
            case "enum" or "const":
                Constants constants = new(schemas, node, keyword, keyword == "enum" ? [.. value.EnumerateArray()] : [value]);
                return [new(constants.Without, [.. constants.Others.Select(o => (o, false))])];
            case "minimum" or "exclusiveMinimum" or "maximum" or "exclusiveMaximum" or "multipleOf":
                return
                [
                    Number(
                        Assertion.Test(node, keyword, value) switch
                        {
                            NumberTest.Bound b => new NumberTest.Bound(b.Value, !b.Above, !b.Inclusive),
                            NumberTest.Multiple m => m with { Holds = false },
                            var other => other,
                        }
                    ),
                ];
            case "minLength":
                long count = Keywords.Count(node, keyword, value);
                return [count == 0 ? Never : Text(t => t.AtMost(count - 1))];
            case "maxLength":
                return [Text(t => t.AtLeast(Keywords.Count(node, keyword, value) + 1))];
            case "pattern":
                CharDfa language = Keywords.Pattern(node, keyword, Keywords.Text(node, keyword, value));
                return [Text(t => t.Matching(language, false))];
            case "minItems":
                long items = Keywords.Count(node, keyword, value);
                return [items == 0 ? Never : Array(a => a.AtMost(items - 1))];
            case "maxItems":
                return [Array(a => a.AtLeast(Keywords.Count(node, keyword, value) + 1))];
            case "prefixItems":
            case "items" when value.ValueKind == JsonValueKind.Array && !node.Element.TryGetProperty("prefixItems", out _):
                return Enumerable
                    .Range(0, Keywords.Schemas(node, keyword, value))
                    .Select(i =>
                    {
                        Conjunction[] first = [.. Enumerable.Range(0, i + 1).Select(j => j == i ? Not(keyword, $"{i}") : schemas.Any)];
                        return Array(a => a.AtLeast(i + 1) with { Items = a.Items.Add((first, schemas.Any)) });
                    });
            case "items":
                int from = Assertion.Items(schemas, node).First.Length;
                return [Array(a => a with { Some = a.Some.Add((from, Not(keyword), 1, null)) })];
            case "contains":
                (long least, long? most) = Assertion.Contained(node);
                Conjunction what = schemas.Literal(Child(keyword));
                return
                [
                    least == 0 ? Never : Array(a => a with { Some = a.Some.Add((0, what, 0, least - 1)) }),
                    most is null ? Never : Array(a => a with { Some = a.Some.Add((0, what, most.Value + 1, null)) }),
                ];
            case "uniqueItems":
                return Keywords.Flag(node, keyword, value)
                    ? throw node.Unsupported(keyword, "is not supported where it must not hold, as in not, oneOf and if")
                    : [];
            case "unevaluatedItems":
                return Evaluated
                    .Combinations(schemas, node, keyword)
                    .Where(e => !e.All)
                    .Select(e =>
                    {
                        Conjunction rest = e.Rest(schemas, node, holds: false);
                        return e.Way(Array(a => a with { Some = a.Some.Add((e.First, rest, 1, null)) }).Change!);
                    });
            case "unevaluatedProperties":
                return Evaluated
                    .Combinations(schemas, node, keyword)
                    .Where(e => !e.All)
                    .Select(e => e.Way(Some(e.Others, Not(keyword)).Change!));
            case "required":
                return Keywords.Texts(node, keyword, value).Select(Lacks);
            case "minProperties":
                long fewest = Keywords.Count(node, keyword, value);
                return [fewest == 0 ? Never : Object(o => o.AtMost(fewest - 1))];
            case "maxProperties":
                return [Object(o => o.AtLeast(Keywords.Count(node, keyword, value) + 1))];
            case "properties":
                return Keywords
                    .Members(node, keyword, value)
                    .Select(m =>
                        Object(o =>
                            o with
                            {
                                Required = o.Required.Add(m.Name),
                                Values = o.Values.Add((NameSet.Single(m.Name), Not(keyword, m.Name))),
                            }
                        )
                    );
            case "patternProperties":
                return Keywords
                    .Members(node, keyword, value)
                    .Select(m => Some(NameSet.Matching(Keywords.Pattern(node, keyword, m.Name)), Not(keyword, m.Name)));
            case "additionalProperties":
                return [Some(Assertion.Others(node), Not(keyword))];
            case "propertyNames":
                return [Some(NameSet.Matching(schemas.Language(schemas.Literal(Child(keyword))).Not()), schemas.Any)];
            case "dependentRequired":
                return Keywords
                    .Members(node, keyword, value)
                    .SelectMany(m =>
                        Keywords
                            .Texts(node, keyword, m.Value)
                            .Select(name =>
                                Object(o =>
                                    o with
                                    {
                                        Required = o.Required.Add(m.Name),
                                        Values = o.Values.Add((NameSet.Single(name), Assertion.Nothing(schemas, node))),
                                    }
                                )
                            )
                    );
            case "dependentSchemas":
                return Keywords
                    .Members(node, keyword, value)
                    .Select(m => Object(o => o with { Required = o.Required.Add(m.Name) }, (Child(keyword, m.Name), false)));
            case "allOf":
                return List(keyword, value).Select(s => new Way(null, (s, false)));
            case "anyOf":
                return [new(null, [.. List(keyword, value).Select(s => (s, false))])];
            case "oneOf":
                SchemaNode[] parts = List(keyword, value);
                return
                [
                    new(null, [.. parts.Select(s => (s, false))]),
                    .. parts.SelectMany((a, i) => parts.Skip(i + 1).Select(b => new Way(null, (a, true), (b, true)))),
                ];
            case "not":
                return [new(null, (Child(keyword), true))];
            case "if":
                return new[] { ("then", true), ("else", false) }
                    .Where(b => node.Element.TryGetProperty(b.Item1, out _))
                    .Select(b => new Way(null, (Child(keyword), b.Item2), (Child(b.Item1), false)));
            case "$ref" or "$dynamicRef":
                return [new(null, (schemas.Document.Resolve(node, keyword, Keywords.Text(node, keyword, value)), false))];
            default:
                return [];
        }
    }

    private SchemaNode[] List(string keyword, JsonElement value) =>
        [.. Enumerable.Range(0, Keywords.Schemas(node, keyword, value)).Select(i => Child(keyword, $"{i}"))];

    private Way Lacks(string name) =>
        Object(o => o with { Values = o.Values.Add((NameSet.Single(name), Assertion.Nothing(schemas, node))) });

    private static Way Some(NameSet names, Conjunction value) => Object(o => o with { Some = o.Some.Add((names, value)) });

    private static ValueBox NotOfTypes(ValueBox box, string[] types)
    {
        string[] others = ["null", "boolean", "number", "string", "array", "object"];
        ValueBox rest = Assertion.OfTypes(box, [.. others.Except(types)]);
        bool noIntegers = types.Contains("integer") && !types.Contains("number");
        return noIntegers ? rest with { Number = rest.Number?.Add(new NumberTest.Multiple(ExactNumber.One, false)) } : rest;
    }
}
