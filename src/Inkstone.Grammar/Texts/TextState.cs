using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>How characters are written.</summary>
internal enum Spelling
{
    /// <summary>As UTF-8; the end of the text is the end of the frame.</summary>
    Plain,

    /// <summary>As the rest of a JSON string, up to its quotation mark, in any way that JSON has.</summary>
    JsonString,

    /// <summary>As the rest of a property's name, in one way only: a backslash where there must be one, \u00xx where there is no shorter
    /// way.</summary>
    JsonName,

    /// <summary>As <see cref="JsonName"/>, for a string that is one of a list: small models would else spell its letters by their
    /// numbers.</summary>
    JsonListed,
}

/// <summary>A place in a text that <see cref="TextRules"/> describe, between two characters.</summary>
internal sealed partial class TextState : State
{
    private readonly Spelling _spelling;
    private readonly TextRules _rules;
    private readonly int _at;
    private readonly BigInteger _allowed;

    private TextState(StateSpace space, Spelling spelling, TextRules rules, int at, BigInteger allowed)
        : base(space) => (_spelling, _rules, _at, _allowed) = (spelling, rules, at, allowed);

    /// <summary>The state of a place.</summary>
    /// <param name="space">whose states</param>
    /// <param name="spelling">how characters are written</param>
    /// <param name="rules">which may follow</param>
    /// <param name="at">the state of the rules</param>
    /// <param name="allowed">the tags with which the text may end, as bits; at least one can be reached</param>
    public static State Intern(StateSpace space, Spelling spelling, TextRules rules, int at, BigInteger allowed)
    {
        if (rules is TextRules.Lengths lengths)
        {
            // How many may still come is all that matters, so strings of other bounds share their last states.
            (int least, int most) = at == 0 ? (lengths.Least, lengths.Most) : lengths.Next;
            (rules, at) = (space.Lengths(least, most), 0);
        }
        if (spelling == Spelling.JsonString && rules.IsUniversal(at))
        {
            (rules, at) = (TextRules.Any, 0);
        }
        allowed &= rules.Reach(at);
        return space.Intern((spelling, rules, at, allowed), () => new TextState(space, spelling, rules, at, allowed));
    }

    /// <summary>Texts that may end with the tag 1.</summary>
    public static State Intern(StateSpace space, Spelling spelling, TextRules rules) =>
        Intern(space, spelling, rules, 0, BigInteger.One << 1);

    public override int FreeText => _spelling == Spelling.Plain ? 0 : _rules.Free(_at);

    /// <summary>A bound that no token reaches changes no mask.</summary>
    public override State MaskTwin
    {
        get
        {
            if (
                _rules is not TextRules.Lengths lengths
                || (lengths.Least <= Space.LongestToken && lengths.Most is < int.MaxValue and var most && most < Space.LongestToken)
            )
            {
                return this;
            }
            TextRules near = Space.Lengths(
                Math.Min(lengths.Least, Space.LongestToken),
                lengths.Most < Space.LongestToken ? lengths.Most : int.MaxValue
            );
            return Intern(Space, _spelling, near, 0, _allowed);
        }
    }

    public override bool IsName => _spelling == Spelling.JsonName && _rules.Unnamed != int.MaxValue && !(_allowed >> _rules.Unnamed).IsZero;

    public override bool NeverEmpty => _spelling != Spelling.Plain;

    public override void Build(MovesBuilder to)
    {
        for (int c = _spelling == Spelling.Plain ? 0 : 0x20; c < 0x80; c++)
        {
            if ((_spelling == Spelling.Plain || c is not '"' and not '\\') && After(c) is { } next)
            {
                to.Byte(c, next);
            }
        }
        for (int b = 0xC2; b <= 0xF4; b++)
        {
            (int rest, int bits) =
                b < 0xE0 ? (1, b & 0x1F)
                : b < 0xF0 ? (2, b & 0x0F)
                : (3, b & 0x07);
            int low = Math.Max(
                    bits << (6 * rest),
                    rest == 1 ? 0x80
                        : rest == 2 ? 0x800
                        : 0x10000
                ),
                high = Math.Min(((bits + 1) << (6 * rest)) - 1, CodePoints.Last);
            if (Leads(low, high))
            {
                to.Byte(b, Part(Kind.Utf8, bits, rest));
            }
        }
        int tag = _rules.Tag(_at);
        bool ends = tag > 0 && !(_allowed >> tag).IsEven;
        if (_spelling == Spelling.Plain)
        {
            if (ends)
            {
                to.Final(0);
            }
            return;
        }
        if (ends)
        {
            to.Byte(
                '"',
                _spelling == Spelling.JsonName ? Space.Intern(("name", tag), () => new Node(Space).Add(b => b.Final(tag))) : Space.End
            );
        }
        if (Escapable(0, 0xFFFF) || (_spelling == Spelling.JsonString && Leads(0x10000, CodePoints.Last)))
        {
            to.Byte('\\', Part(Kind.Escape, 0, 0));
        }
    }

    private enum Kind
    {
        Utf8,
        Escape,
        Hex,
        LowEscape,
        LowU,
        LowHex,
    }

    private State Part(Kind kind, int value, int rest, int high = 0)
    {
        if (
            kind == Kind.Utf8
            && value << (6 * rest)
                >= (
                    rest == 1 ? 0x80
                    : rest == 2 ? 0x800
                    : 0x10000
                )
            && Only(value << (6 * rest), ((value + 1) << (6 * rest)) - 1) is { } target
        )
        {
            return Continuation(target, rest);
        }
        return Space.Intern((this, kind, value, rest, high), () => new PartState(this, kind, value, rest, high));
    }

    /// <summary>The last bytes of a character, whatever they are.</summary>
    private State Continuation(State target, int rest) =>
        rest == 0
            ? target
            : Space.Intern(("bytes", target, rest), () => new Node(Space).Add(b => b.Bytes(0x80, 0xBF, Continuation(target, rest - 1))));

    private State? After(int c)
    {
        int next = _rules.Edges(_at) is { Length: > 0 } edges ? Find(edges, c) : -1;
        return next >= 0 && Live(next) ? Intern(Space, _spelling, _rules, next, _allowed) : null;
    }

    private static int Find((int Low, int High, int Target)[] edges, int c)
    {
        foreach ((int low, int high, int target) in edges)
        {
            if (c <= high)
            {
                return c >= low ? target : -1;
            }
        }
        return -1;
    }

    private bool Live(int state) => !(_rules.Reach(state) & _allowed).IsZero;

    /// <summary>Whether a character of the range may come.</summary>
    private bool Leads(int low, int high)
    {
        foreach ((int l, int h, int target) in _rules.Edges(_at))
        {
            if (l <= high && h >= low && Live(target))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Where all characters of a range lead, if that is one place.</summary>
    private State? Only(int low, int high)
    {
        foreach ((int l, int h, int target) in _rules.Edges(_at))
        {
            if (low >= l && low <= h)
            {
                return high <= h && Live(target) ? Intern(Space, _spelling, _rules, target, _allowed) : null;
            }
        }
        return null;
    }

    /// <summary>Whether a character of the range may be written with a backslash.</summary>
    private bool Escapable(int low, int high)
    {
        if (_spelling == Spelling.JsonString)
        {
            return Leads(low, high);
        }
        for (int c = low; c <= Math.Min(high, 0x1F); c++)
        {
            if (After(c) is not null)
            {
                return true;
            }
        }
        return (low <= '"' && high >= '"' && After('"') is not null) || (low <= '\\' && high >= '\\' && After('\\') is not null);
    }

    private static int Short(int letter) =>
        letter switch
        {
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            _ => letter,
        };
}
