using System.Collections.Immutable;
using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>
/// Which properties and items the schemas at one place of a value speak of: what unevaluatedProperties and unevaluatedItems leave out.
/// Schemas that hold for some values only, as those of anyOf, make it depend on the value; so there is one of these for each combination
/// of such schemas that hold and do not, and together they are all values.
/// </summary>
/// <param name="All">nothing is left out</param>
/// <param name="First">items from the first on that are spoken of</param>
/// <param name="Contained">schemas of contains: items for which one of them holds are spoken of</param>
/// <param name="Names">properties that are spoken of</param>
/// <param name="Languages">languages whose names are spoken of</param>
/// <param name="Literals">the schemas of the combination, and whether they hold</param>
/// <param name="Change">what the combination asks of the value beside them</param>
internal sealed record Evaluated(
    bool All,
    int First,
    ImmutableList<SchemaNode> Contained,
    ImmutableList<string> Names,
    ImmutableList<CharDfa> Languages,
    ImmutableList<(SchemaNode Node, bool Holds)> Literals,
    Func<ValueBox, ValueBox>? Change
)
{
    private const int Most = 256;

    private static readonly Evaluated Nothing = new(false, 0, [], [], [], [], null);

    /// <summary>The names of properties that are left out.</summary>
    public NameSet Others => NameSet.Except(Names, Languages);

    private bool IsSilent => !All && First == 0 && Contained.IsEmpty && Names.IsEmpty && Languages.IsEmpty;

    /// <summary>What the schema <paramref name="owner"/> speaks of beside its keyword, where it holds.</summary>
    public static IReadOnlyList<Evaluated> Combinations(SchemaSpace schemas, SchemaNode owner, string keyword) =>
        new Reader(schemas, owner, keyword).Read(owner, []);

    /// <summary>The way on for values of this combination.</summary>
    /// <param name="left">a test of what is left out; not asked for where nothing is</param>
    public Alternatives.Way Way(Func<ValueBox, ValueBox> left) =>
        new(
            box =>
            {
                ValueBox changed = Change is null ? box : Change(box);
                return All ? changed : left(changed);
            },
            [.. Literals]
        );

    /// <summary>What items that are left out must be: as the keyword says, or as a contains says, which speaks of them then.</summary>
    public Conjunction Rest(SchemaSpace schemas, SchemaNode owner, bool holds = true)
    {
        SchemaNode rest = schemas.Document.Child(owner, "unevaluatedItems");
        if (Contained.Find(c => c.Root != owner.Root) is { } far)
        {
            throw owner.Unsupported("unevaluatedItems", $"is not supported beside contains of another resource ({far.Path})");
        }
        string parts = string.Join(',', Contained.Prepend(rest).Select(s => s.Element.GetRawText()));
        return schemas.Literal(
            Contained.IsEmpty
                ? rest
                : schemas.Made(owner, "any of " + string.Join(' ', Contained.Select(c => c.Id)), () => $$"""{"anyOf":[{{parts}}]}"""),
            holds
        );
    }

    private Evaluated And(Evaluated other) =>
        new(
            All || other.All,
            Math.Max(First, other.First),
            Contained.AddRange(other.Contained),
            Names.AddRange(other.Names),
            Languages.AddRange(other.Languages),
            Literals.AddRange(other.Literals),
            (Change, other.Change) switch
            {
                ({ } one, { } two) => b => two(one(b)),
                (var one, var two) => one ?? two,
            }
        );

    private sealed class Reader(SchemaSpace schemas, SchemaNode owner, string keyword)
    {
        private bool OfItems => keyword == "unevaluatedItems";

        public IReadOnlyList<Evaluated> Read(SchemaNode node, ImmutableHashSet<SchemaNode> above)
        {
            if (node.Element.ValueKind != JsonValueKind.Object || above.Contains(node))
            {
                return [Nothing];
            }
            above = above.Add(node);
            IReadOnlyList<Evaluated> all = [Nothing];
            foreach (JsonProperty property in node.Element.EnumerateObject())
            {
                (string name, JsonElement value) = (property.Name, property.Value);
                Evaluated own =
                    node != owner && name == keyword ? Nothing with { All = true }
                    : OfItems ? Items(node, name, value)
                    : Properties(node, name, value);
                all = Both([own], all);
                switch (name)
                {
                    case "$ref" or "$dynamicRef":
                        all = Both(all, Read(schemas.Document.Resolve(node, name, Keywords.Text(node, name, value)), above));
                        break;
                    case "allOf":
                        all = List(node, name, value).Aggregate(all, (known, child) => Both(known, Read(child, above)));
                        break;
                    case "anyOf" or "oneOf":
                        all = List(node, name, value).Aggregate(all, (known, child) => Either(known, child, Read(child, above), [Nothing]));
                        break;
                    case "if":
                        all = Either(
                            all,
                            Child(node, name),
                            Both(Read(Child(node, name), above), Part(node, "then", above)),
                            Part(node, "else", above)
                        );
                        break;
                    case "dependentSchemas":
                        foreach (JsonProperty member in Keywords.Members(node, name, value))
                        {
                            all = Where(node, member.Name, all, Read(schemas.Document.Child(node, name, member.Name), above));
                        }
                        break;
                }
            }
            return all;
        }

        private SchemaNode Child(SchemaNode node, string name) => schemas.Document.Child(node, name);

        private IReadOnlyList<Evaluated> Part(SchemaNode node, string name, ImmutableHashSet<SchemaNode> above) =>
            node.Element.TryGetProperty(name, out _) ? Read(Child(node, name), above) : [Nothing];

        private IReadOnlyList<Evaluated> Both(IReadOnlyList<Evaluated> one, IReadOnlyList<Evaluated> two) =>
            one.Count * two.Count > Most
                ? throw owner.Unsupported(keyword, $"is not supported beside so many alternatives: they give more than {Most} combinations")
                : [.. one.SelectMany(a => two.Select(a.And))];

        /// <summary>A schema that holds or does not, with what is spoken of then.</summary>
        private IReadOnlyList<Evaluated> Either(
            IReadOnlyList<Evaluated> all,
            SchemaNode node,
            IReadOnlyList<Evaluated> holds,
            IReadOnlyList<Evaluated> not
        ) =>
            holds.Concat(not).All(e => e.IsSilent)
                ? all
                : Both(
                    all,
                    [
                        .. holds.Select(e => e with { Literals = e.Literals.Add((node, true)) }),
                        .. not.Select(e => e with { Literals = e.Literals.Add((node, false)) }),
                    ]
                );

        /// <summary>A property that is there or is not, with what is spoken of where it is.</summary>
        private IReadOnlyList<Evaluated> Where(
            SchemaNode node,
            string name,
            IReadOnlyList<Evaluated> all,
            IReadOnlyList<Evaluated> present
        ) =>
            present.All(e => e.IsSilent)
                ? all
                : Both(
                    all,
                    [
                        Nothing with
                        {
                            Change = b => Assertion.Without(schemas, node, b, name),
                        },
                        .. present.Select(e => (Nothing with { Change = b => Assertion.With(b, name) }).And(e)),
                    ]
                );

        private Evaluated Items(SchemaNode node, string name, JsonElement value) =>
            name switch
            {
                "prefixItems" => Nothing with { First = Keywords.Schemas(node, name, value) },
                "items" when value.ValueKind == JsonValueKind.Array => Nothing with { First = Keywords.Schemas(node, name, value) },
                "items" => Nothing with { All = true },
                "contains" => Nothing with { Contained = [Child(node, name)] },
                _ => Nothing,
            };

        private static Evaluated Properties(SchemaNode node, string name, JsonElement value) =>
            name switch
            {
                "properties" => Nothing with { Names = [.. Keywords.Members(node, name, value).Select(m => m.Name)] },
                "patternProperties" => Nothing with
                {
                    Languages = [.. Keywords.Members(node, name, value).Select(m => Keywords.Pattern(node, name, m.Name))],
                },
                "additionalProperties" => Nothing with { All = true },
                _ => Nothing,
            };

        private List<SchemaNode> List(SchemaNode node, string name, JsonElement value) =>
            [.. Enumerable.Range(0, Keywords.Schemas(node, name, value)).Select(i => schemas.Document.Child(node, name, $"{i}"))];
    }
}
