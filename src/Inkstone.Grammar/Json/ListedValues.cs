using System.Text;
using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>The values of an array's items one by one, where there are few: so many bits remember which have come, and uniqueItems can be
/// held.</summary>
internal sealed class ListedValues(SchemaSpace schemas, ArrayTests tests)
{
    private const int Most = 64;

    private readonly List<string> _json = [];

    /// <summary>What each value is.</summary>
    /// <exception cref="GrammarException">They cannot be listed.</exception>
    public Conjunction[] Find()
    {
        Conjunction items = schemas.And(tests.Items.Select(i => i.Others));
        if (tests.Some.Length > 0 || tests.Items.Any(i => i.First.Length > 0) || items.IsOpen)
        {
            throw Refused();
        }
        foreach (ValueBox box in schemas.Boxes(items))
        {
            Add(box.Null, "null");
            Add(box.True, "true");
            Add(box.False, "false");
            if (box.Number is { } number && schemas.IsInhabited(new ValueBox { Number = number }))
            {
                NumberTest.OneOf listed = number.OfType<NumberTest.OneOf>().FirstOrDefault(t => t.Holds) ?? throw Refused();
                foreach (ExactNumber n in listed.Values)
                {
                    Add(true, (n.IsNegative ? "-" : "") + n.Whole + (n.Scale > 0 ? "." + n.Fraction : ""));
                }
            }
            if (box.Text?.Rules() is not null)
            {
                Words(box.Text.Automaton()).ForEach(word => Add(true, "\"" + JsonEncodedText.Encode(word) + "\""));
            }
            if (schemas.IsInhabited(new ValueBox { Array = box.Array, Object = box.Object }))
            {
                throw Refused();
            }
        }
        Conjunction[] values =
        [
            .. _json
                .Distinct()
                .Select(json =>
                    schemas.And(items, schemas.Literal(schemas.Made(tests.Unique!, "one " + json, () => $$"""{"const":{{json}}}""")))
                )
                .Where(schemas.IsInhabited),
        ];
        return values.Length <= Most ? values : throw Refused();
    }

    private void Add(bool may, string json)
    {
        if (may)
        {
            _json.Add(json);
        }
    }

    /// <summary>All texts of a language. Every state leads to one, so more beginnings than <see cref="Most"/> are too many texts.</summary>
    private List<string> Words(CharDfa language)
    {
        List<string> words = [];
        Queue<(int State, string Text)> open = new([(0, "")]);
        while (open.TryDequeue(out (int State, string Text) at))
        {
            if (language.Tags[at.State] > 0)
            {
                words.Add(at.Text);
            }
            foreach ((int low, int high, int target) in language.Edges[at.State])
            {
                for (int c = low; c <= high; c++)
                {
                    open.Enqueue((target, at.Text + new Rune(c)));
                    if (open.Count + words.Count > Most)
                    {
                        throw Refused();
                    }
                }
            }
        }
        return words;
    }

    private GrammarException Refused() =>
        tests.Unique!.Unsupported(
            "uniqueItems",
            $"is supported where items are all of one list of at most {Most} values (enum, const, boolean, null), beside neither prefixItems nor contains; else leave it out and check the result"
        );
}
