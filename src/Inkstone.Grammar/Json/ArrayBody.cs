using System.Globalization;

namespace Inkstone.Grammar;

/// <summary>The inside of an array: how many items there were, how many of them were what some must be, and which values have come where
/// all must differ.</summary>
internal sealed class ArrayBody
{
    private const int MostCounted = 400;

    private readonly SchemaSpace _schemas;
    private readonly ArrayTests _tests;
    private readonly int _cap;
    private readonly long? _most;
    private readonly Dictionary<string, bool> _live = [];
    private readonly Conjunction[]? _different; // the values of which each may come once

    public ArrayBody(SchemaSpace schemas, ArrayTests tests)
    {
        (_schemas, _tests, _most) = (schemas, tests, tests.Most);
        int first = tests.Items.Select(i => i.First.Length).Concat(tests.Some.Select(s => s.From)).DefaultIfEmpty().Max();
        for (int i = 0; i <= first; i++)
        {
            if (!(_most <= i) && !schemas.IsInhabited(Item(i)))
            {
                _most = i;
            }
        }
        if (tests.Unique is not null && !(_most <= 1))
        {
            _different = new ListedValues(schemas, tests).Find();
            _most = Math.Min(_most ?? _different.Length, _different.Length);
        }
        _cap = (int)Math.Min(Math.Max(Math.Max(first, tests.Least), _most ?? 0), int.MaxValue - 1);
        if (tests.Some.Length > 0 && Math.Max(_cap, tests.Some.Max(s => Math.Max(s.Least, s.Most ?? 0))) > MostCounted)
        {
            throw new GrammarException(
                $"an array of more than {MostCounted} items that are also counted by contains is not supported",
                "contains",
                null
            );
        }
    }

    public bool IsPossible => !(_most < _tests.Least) && (_tests.Some.Length == 0 || IsLive(new Place(0, new int[_tests.Some.Length])));

    /// <summary>The state behind the opening bracket.</summary>
    public State Start
    {
        get
        {
            Place place = new(0, new int[_tests.Some.Length]);
            return _schemas.Spaced(
                Inner(
                    "first",
                    place,
                    to =>
                    {
                        End(to, place);
                        Items(to, place);
                    }
                )
            );
        }
    }

    /// <summary>All that items may have to be.</summary>
    public IEnumerable<Conjunction> Values =>
        Enumerable
            .Range(0, _tests.Items.Select(i => i.First.Length + 1).DefaultIfEmpty(1).Max())
            .Where(i => !(_most <= i))
            .SelectMany(i =>
                _tests
                    .Some.SelectMany(s => new[] { _schemas.And(Item(i), s.What), _schemas.And(Item(i), _schemas.Not(s.What)) })
                    .Prepend(Item(i))
            );

    private Conjunction Item(int index) => _schemas.And(_tests.Items.Select(i => index < i.First.Length ? i.First[index] : i.Others));

    private State Inner(string phase, Place place, Action<MovesBuilder> build) =>
        _schemas.Space.Intern(
            (_tests, phase, place.Index, string.Join(',', place.Counts), place.Used),
            () => new Node(_schemas.Space).Add(build)
        );

    private void End(MovesBuilder to, Place place)
    {
        if (CanEnd(place))
        {
            to.Byte(']', _schemas.Space.End);
        }
    }

    /// <summary>The item at a place, whatever it counts as.</summary>
    private void Items(MovesBuilder to, Place place)
    {
        foreach ((Conjunction value, Place after) in Options(place))
        {
            to.Call(
                _schemas.Value(value),
                _schemas.Spaced(
                    Inner(
                        "next",
                        after,
                        next =>
                        {
                            End(next, after);
                            if (Options(after).Any())
                            {
                                next.Byte(',', _schemas.Spaced(Inner("item", after, item => Items(item, after))));
                            }
                        }
                    )
                )
            );
        }
    }

    private IEnumerable<(Conjunction Value, Place After)> Options(Place place)
    {
        if (_most <= place.Index)
        {
            return [];
        }
        if (_different is not null)
        {
            return Enumerable
                .Range(0, _different.Length)
                .Where(i => (place.Used >> i & 1) == 0)
                .Select(i => (_different[i], new Place(Math.Min(place.Index + 1, _cap), place.Counts, place.Used | 1UL << i)));
        }
        List<(Conjunction Value, int[] Counts)> options = [(Item(place.Index), place.Counts)];
        for (int k = 0; k < _tests.Some.Length; k++)
        {
            (int from, Conjunction what, long least, long? most) = _tests.Some[k];
            if (place.Index < from || (most is null && place.Counts[k] >= least))
            {
                continue;
            }
            options =
            [
                .. options.SelectMany(o =>
                    new[]
                    {
                        (_schemas.And(o.Value, what), [.. o.Counts.Select((c, j) => j == k ? c + 1 : c)]),
                        (most is null ? o.Value : _schemas.And(o.Value, _schemas.Not(what)), o.Counts),
                    }
                ),
            ];
        }
        return options
            .Select(o => (o.Value, new Place(Math.Min(place.Index + 1, _cap), o.Counts)))
            .Where(o => _schemas.IsInhabited(o.Value) && (_tests.Some.Length == 0 || IsLive(o.Item2)));
    }

    private bool CanEnd(Place place) =>
        place.Index >= _tests.Least
        && _tests.Some.Select((s, k) => place.Counts[k] >= s.Least && !(place.Counts[k] > s.Most)).All(ok => ok);

    /// <summary>Whether an end can be reached. Going round counts as no.</summary>
    private bool IsLive(Place place)
    {
        string key = place.Index.ToString(CultureInfo.InvariantCulture) + ":" + string.Join(',', place.Counts);
        if (!_live.TryGetValue(key, out bool live))
        {
            _live[key] = false;
            live = !_tests.Some.Select((s, k) => place.Counts[k] > s.Most).Any(over => over) && (CanEnd(place) || Options(place).Any());
            _live[key] = live;
        }
        return live;
    }

    private sealed record Place(int Index, int[] Counts, ulong Used = 0);
}
