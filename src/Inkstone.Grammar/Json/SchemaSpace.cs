using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>What the values of a schema document may be, found as far as it is asked for.</summary>
internal sealed class SchemaSpace
{
    private const int EagerValues = 4000;

    private readonly Dictionary<string, Conjunction> _conjunctions = [];
    private readonly Dictionary<(SchemaNode, string), SchemaNode> _made = [];
    private readonly Dictionary<ObjectTests, PropertyTable> _tables = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Conjunction> _asking = [];
    private int _open;

    public SchemaSpace(SchemaDocument document, StateSpace space, JsonGrammarOptions options)
    {
        (Document, Space, Options) = (document, space, options);
        Any = All([]);
    }

    public SchemaDocument Document { get; }

    public StateSpace Space { get; }

    public JsonGrammarOptions Options { get; }

    /// <summary>Any value.</summary>
    public Conjunction Any { get; }

    public Conjunction Literal(SchemaNode node, bool holds = true) => All([(node, holds)]);

    public Conjunction And(params IEnumerable<Conjunction> parts) => All([.. parts.SelectMany(p => p.Literals)]);

    /// <summary>All of it holds.</summary>
    private Conjunction All((SchemaNode Node, bool Holds)[] literals)
    {
        (SchemaNode Node, bool Holds)[] sorted =
        [
            .. literals
                .Where(l => !(l.Holds && l.Node.Element.ValueKind == JsonValueKind.True))
                .Distinct()
                .OrderBy(l => l.Node.Id)
                .ThenBy(l => l.Holds),
        ];
        string key = string.Join(',', sorted.Select(l => (l.Holds ? "" : "-") + l.Node.Id.ToString(CultureInfo.InvariantCulture)));
        if (!_conjunctions.TryGetValue(key, out Conjunction? known))
        {
            _conjunctions[key] = known = new Conjunction(sorted);
        }
        return known;
    }

    /// <summary>What is not <paramref name="what"/>, which is one schema or its opposite.</summary>
    public Conjunction Not(Conjunction what) =>
        what.Literals.Count == 0
            ? Literal(Made(Document.Root, "nothing", () => "false"))
            : All([.. what.Literals.Select(l => (l.Node, !l.Holds))]);

    /// <summary>A schema that says in other words what a keyword of <paramref name="owner"/> says.</summary>
    public SchemaNode Made(SchemaNode owner, string name, Func<string> json)
    {
        if (!_made.TryGetValue((owner, name), out SchemaNode? node))
        {
            _made[(owner, name)] = node = Document.Made(owner, json());
        }
        return node;
    }

    /// <summary>The state before a value.</summary>
    public State Value(Conjunction value)
    {
        lock (Space)
        {
            return value.State ??= new ValueState(this, value);
        }
    }

    /// <summary>Alternatives that together are all such values.</summary>
    public IReadOnlyList<ValueBox> Boxes(Conjunction value)
    {
        if (value.Boxes is { } known)
        {
            return known;
        }
        if (value.IsOpen)
        {
            throw new InvalidOperationException("an alternative asks for itself");
        }
        (value.IsOpen, _open) = (true, _open + 1);
        try
        {
            value.Boxes = new Alternatives(this).Expand(value);
        }
        finally
        {
            (value.IsOpen, _open) = (false, _open - 1);
        }
        return value.Boxes;
    }

    /// <summary>Whether there is such a value that ends: a shortest one never contains what it is asked for, so a question in progress
    /// counts as no.</summary>
    public bool IsInhabited(Conjunction value)
    {
        if (value.IsInhabited is { } known)
        {
            return known;
        }
        if (value.IsOpen)
        {
            return true; // not known yet; who asks only wants to leave out what surely is nothing
        }
        if (!_asking.Add(value))
        {
            return false;
        }
        bool found;
        try
        {
            found = Boxes(value).Any(IsInhabited);
        }
        catch (GrammarException fault) when (fault.Path is null && value.Literals.Count > 0)
        {
            string path = value.Literals[^1].Node.Path;
            throw new GrammarException($"{path}: {fault.Message}", fault.Keyword, path);
        }
        finally
        {
            _ = _asking.Remove(value);
        }
        if (_open == 0 && (found || _asking.Count == 0))
        {
            value.IsInhabited = found;
        }
        return found;
    }

    public bool IsInhabited(ValueBox box) =>
        box.Null
        || box.True
        || box.False
        || (box.Number is { } number && !Numbers(number).IsEmpty)
        || box.Text?.Rules() is not null
        || (box.Array is { } array && new ArrayBody(this, array).IsPossible)
        || (box.Object is { } tests && new ObjectBody(this, tests).IsPossible);

    public CharDfa Numbers(ImmutableArray<NumberTest> tests) => NumberRules.Automaton([.. tests.Distinct()], Options.MaxDigits);

    /// <summary>The strings among some values.</summary>
    public CharDfa Language(Conjunction value)
    {
        CharDfa[] texts = [.. Boxes(value).Where(b => b.Text is not null).Select(b => b.Text!.Automaton())];
        return texts.Length == 1 ? texts[0] : CharDfa.Combine(texts, tags => tags.Any(t => t > 0) ? 1 : 0);
    }

    /// <summary>How the names of an object's properties are told apart.</summary>
    public PropertyTable Table(ObjectTests tests)
    {
        if (!_tables.TryGetValue(tests, out PropertyTable? table))
        {
            _tables[tests] = table = new PropertyTable(this, tests);
        }
        return table;
    }

    /// <summary>White space as far as it is allowed, then <paramref name="then"/>: nothing, a blank, or a new line and its
    /// indentation.</summary>
    public State Spaced(State then) => Spaced(then, Options.MaxWhitespace);

    /// <summary>White space before the whole value, which nobody indents.</summary>
    public State Led(State then) => Spaced(then, Math.Min(Options.MaxWhitespace, 1));

    private State Spaced(State then, int most) =>
        most == 0
            ? then
            : Space.Intern(
                ("space", then, most),
                () =>
                    new Node(Space).Add(to =>
                    {
                        to.Empty(then);
                        to.Byte(' ', then);
                        to.Byte('\n', Indented(then, most - 1));
                    })
            );

    private State Indented(State then, int most) =>
        most == 0
            ? then
            : Space.Intern(
                ("indented", then, most),
                () =>
                    new Node(Space).Add(to =>
                    {
                        to.Empty(then);
                        to.Byte(' ', Indented(then, most - 1));
                        to.Byte('\t', Indented(then, most - 1));
                    })
            );

    /// <summary>Finds the alternatives of all values that texts can reach, so that what is not supported is told before the first of
    /// them.</summary>
    public void Explore(Conjunction root)
    {
        Queue<Conjunction> waiting = new([root]);
        HashSet<Conjunction> seen = [root];
        while (waiting.TryDequeue(out Conjunction? value) && seen.Count < EagerValues)
        {
            foreach (ValueBox box in Boxes(value))
            {
                IEnumerable<Conjunction> inner = box.Array is { } array ? new ArrayBody(this, array).Values : [];
                foreach (Conjunction next in inner.Concat(box.Object is { } tests ? new ObjectBody(this, tests).Values : []))
                {
                    if (seen.Add(next))
                    {
                        waiting.Enqueue(next);
                    }
                }
            }
        }
    }
}
