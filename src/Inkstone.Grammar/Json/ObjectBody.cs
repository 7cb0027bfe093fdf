using System.Collections.Immutable;
using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>
/// The inside of an object. Properties may come in any order: a state knows which named ones there were, how many there were if that
/// matters, and which
/// tests for some property have been passed. From every state the object can be completed.
/// </summary>
internal sealed class ObjectBody
{
    private readonly SchemaSpace _schemas;
    private readonly ObjectTests _tests;
    private readonly PropertyTable _table;
    private readonly bool[] _usable; // [class] whether such a property can have a value
    private readonly BigInteger _required;
    private readonly bool _endless; // whether there is no end of names
    private readonly bool? _alwaysLive; // whether it can be completed, where that is the same at all places

    public ObjectBody(SchemaSpace schemas, ObjectTests tests)
    {
        (_schemas, _tests, _table) = (schemas, tests, schemas.Table(tests));
        _usable = [.. _table.Classes.Select(c => c.Value is { } value && schemas.IsInhabited(value))];
        for (int i = 0; i < _usable.Length; i++)
        {
            bool isRequired = _table.Classes[i].Name is { } name && tests.Required.Contains(name);
            _required |= isRequired ? PropertyTable.Class.Bit(i) : 0;
            _endless |= _usable[i] && _table.Classes[i].Name is null;
        }
        _alwaysLive = tests.Some.Length == 0 && tests.Most is null && (tests.Least == 0 || _endless) ? IsLive(default) : null;
    }

    public bool IsPossible => IsLive(default);

    /// <summary>The state behind the opening brace.</summary>
    public State Start =>
        _schemas.Spaced(
            Inner(
                "first",
                default,
                to =>
                {
                    End(to, default);
                    Name(to, default);
                }
            )
        );

    /// <summary>All that values may have to be.</summary>
    public IEnumerable<Conjunction> Values =>
        _table
            .Classes.Where((_, i) => _usable[i])
            .SelectMany(c => c.Some.Select(k => _schemas.And(c.Value!, _tests.Some[k].Value)).Prepend(c.Value!));

    private State Inner(string phase, Place place, Action<MovesBuilder> build) =>
        _schemas.Space.Intern((_tests, phase, place), () => new Node(_schemas.Space).Add(build));

    private void End(MovesBuilder to, Place place)
    {
        if (MissingRequired(place).IsZero && Unmet(place).Length == 0 && place.Count >= Counted(_tests.Least))
        {
            to.Byte('}', _schemas.Space.End);
        }
    }

    private void Name(MovesBuilder to, Place place)
    {
        BigInteger allowed = Allowed(place);
        if (!allowed.IsZero)
        {
            to.Byte(
                '"',
                Inner(
                    "name",
                    place,
                    name =>
                        name.Call(
                            TextState.Intern(_schemas.Space, Spelling.JsonName, _table.Rules, 0, allowed),
                            _schemas.Space.Intern((_tests, "named", place), () => new Named(this, place))
                        )
                )
            );
        }
    }

    private State Value(Place place, int index) =>
        _schemas.Spaced(
            Inner(
                "colon",
                place with
                {
                    Class = index,
                },
                to =>
                    to.Byte(
                        ':',
                        _schemas.Spaced(
                            Inner(
                                "value",
                                place with
                                {
                                    Class = index,
                                },
                                value =>
                                {
                                    foreach ((Conjunction what, Place after) in Options(place, index))
                                    {
                                        value.Call(
                                            _schemas.Value(what),
                                            _schemas.Spaced(
                                                Inner(
                                                    "next",
                                                    after,
                                                    next =>
                                                    {
                                                        End(next, after);
                                                        if (!Allowed(after).IsZero)
                                                        {
                                                            next.Byte(
                                                                ',',
                                                                _schemas.Spaced(Inner("comma", after, comma => Name(comma, after)))
                                                            );
                                                        }
                                                    }
                                                )
                                            )
                                        );
                                    }
                                }
                            )
                        )
                    )
            )
        );

    /// <summary>Classes of which a property may come next, as tags.</summary>
    private BigInteger Allowed(Place place)
    {
        BigInteger allowed = 0;
        for (int i = 0; i < _usable.Length; i++)
        {
            if (IsFree(place, i) && Options(place, i).Any())
            {
                allowed |= PropertyTable.Class.Bit(i + 1);
            }
        }
        return allowed;
    }

    private bool IsFree(Place place, int index) => _usable[index] && (_table.Classes[index].Name is null || (place.Seen >> index).IsEven);

    /// <summary>What the value of a property may be, and what the object has come to behind it.</summary>
    private IEnumerable<(Conjunction Value, Place After)> Options(Place place, int index)
    {
        PropertyTable.Class c = _table.Classes[index];
        Place after = new(
            c.Name is null ? place.Seen : place.Seen | PropertyTable.Class.Bit(index),
            place.Count + Counted(1),
            place.Met,
            0
        );
        after = after with { Count = (int)Math.Min(after.Count, Math.Max(_tests.Least, _tests.Most ?? 0)) };
        if (_tests.Most is null || place.Count < _tests.Most)
        {
            if (IsLive(after))
            {
                yield return (c.Value!, after);
            }
            foreach (int k in c.Some.Where(k => (place.Met >> k).IsEven))
            {
                Place met = after with { Met = after.Met | PropertyTable.Class.Bit(k) };
                Conjunction value = _schemas.And(c.Value!, _tests.Some[k].Value);
                if (IsLive(met) && _schemas.IsInhabited(value))
                {
                    yield return (value, met);
                }
            }
        }
    }

    private int Counted(long count) => _tests.Least == 0 && _tests.Most is null ? 0 : (int)Math.Min(count, int.MaxValue);

    private BigInteger MissingRequired(Place place) => _required & ~place.Seen;

    private int[] Unmet(Place place) => [.. Enumerable.Range(0, _tests.Some.Length).Where(k => (place.Met >> k).IsEven)];

    /// <summary>Whether the object can be completed.</summary>
    private bool IsLive(Place place)
    {
        if (_alwaysLive is { } always)
        {
            return always;
        }
        BigInteger missing = MissingRequired(place);
        long need = 0,
            left = 0;
        for (int i = 0; i < _usable.Length; i++)
        {
            bool isMissing = !(missing >> i).IsEven;
            if (isMissing && !_usable[i])
            {
                return false;
            }
            need += isMissing ? 1 : 0;
            left += IsFree(place, i) ? 1 : 0;
        }
        foreach (int k in Unmet(place))
        {
            int[] ways =
            [
                .. Enumerable
                    .Range(0, _usable.Length)
                    .Where(i =>
                        IsFree(place, i)
                        && _table.Classes[i].Some.Contains(k)
                        && _schemas.IsInhabited(_schemas.And(_table.Classes[i].Value!, _tests.Some[k].Value))
                    ),
            ];
            if (ways.Length == 0)
            {
                return false;
            }
            need += ways.Any(i => !(missing >> i).IsEven) ? 0 : 1;
        }
        return !(place.Count + need > _tests.Most) && (_endless || place.Count + left >= Counted(_tests.Least));
    }

    /// <summary>Where an object has come to.</summary>
    private readonly record struct Place(BigInteger Seen, int Count, BigInteger Met, int Class);

    /// <summary>Behind the name of a property: the tag says of which class.</summary>
    private sealed class Named(ObjectBody body, Place place) : State(body._schemas.Space)
    {
        public override bool NeverEmpty => true;

        public override void Build(MovesBuilder to) { }

        public override State? Return(int tag) => tag > 0 ? body.Value(place, tag - 1) : null;
    }
}
