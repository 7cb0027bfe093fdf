using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>How characters are written.</summary>
internal enum Spelling
{
    /// <summary>As UTF-8; the end of the text is the end of the frame.</summary>
    Plain,

    /// <summary>As the rest of a JSON string, up to its quotation mark, in any way that JSON has.</summary>
    JsonString,

    /// <summary>As the rest of a property's name, in one way only: a backslash where there must be one, \u00xx where there is no shorter way.</summary>
    JsonName,
}

/// <summary>A place in a text that <see cref="TextRules"/> describe, between two characters.</summary>
internal sealed class TextState : State
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
    public static State Of(StateSpace space, Spelling spelling, TextRules rules, int at, BigInteger allowed)
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
    public static State Of(StateSpace space, Spelling spelling, TextRules rules) => Of(space, spelling, rules, 0, BigInteger.One << 1);

    public override int FreeText => _spelling == Spelling.Plain ? 0 : _rules.Free(_at);

    /// <summary>A bound that no token reaches changes no mask.</summary>
    public override State MaskTwin
    {
        get
        {
            if (_rules is not TextRules.Lengths lengths || (lengths.Least <= Space.LongestToken && lengths.Most is < int.MaxValue and var most && most < Space.LongestToken))
            {
                return this;
            }
            TextRules near = Space.Lengths(Math.Min(lengths.Least, Space.LongestToken), lengths.Most < Space.LongestToken ? lengths.Most : int.MaxValue);
            return Of(Space, _spelling, near, 0, _allowed);
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
            (int rest, int bits) = b < 0xE0 ? (1, b & 0x1F) : b < 0xF0 ? (2, b & 0x0F) : (3, b & 0x07);
            int low = Math.Max(bits << (6 * rest), rest == 1 ? 0x80 : rest == 2 ? 0x800 : 0x10000), high = Math.Min(((bits + 1) << (6 * rest)) - 1, CodePoints.Last);
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
            to.Byte('"', _spelling == Spelling.JsonString ? Space.End : Space.Intern(("name", tag), () => new Node(Space).Add(b => b.Final(tag))));
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
        if (kind == Kind.Utf8 && value << (6 * rest) >= (rest == 1 ? 0x80 : rest == 2 ? 0x800 : 0x10000) && Only(value << (6 * rest), ((value + 1) << (6 * rest)) - 1) is { } target)
        {
            return Continuation(target, rest);
        }
        return Space.Intern((this, kind, value, rest, high), () => new PartState(this, kind, value, rest, high));
    }

    /// <summary>The last bytes of a character, whatever they are.</summary>
    private State Continuation(State target, int rest)
        => rest == 0 ? target : Space.Intern(("bytes", target, rest), () => new Node(Space).Add(b => b.Bytes(0x80, 0xBF, Continuation(target, rest - 1))));

    private State? After(int c)
    {
        int next = _rules.Edges(_at) is { Length: > 0 } edges ? Find(edges, c) : -1;
        return next >= 0 && Live(next) ? Of(Space, _spelling, _rules, next, _allowed) : null;
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
                return high <= h && Live(target) ? Of(Space, _spelling, _rules, target, _allowed) : null;
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

    private static int Short(int letter) => letter switch
    {
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        _ => letter,
    };

    /// <summary>A place within a character.</summary>
    private sealed class PartState(TextState text, Kind kind, int value, int rest, int high) : State(text.Space)
    {
        public override bool NeverEmpty => true;

        public override void Build(MovesBuilder to)
        {
            switch (kind)
            {
                case Kind.Utf8:
                    Utf8(to);
                    break;
                case Kind.Escape:
                    foreach (char letter in text._spelling == Spelling.JsonString ? "\"\\/bfnrt" : "\"\\bfnrt")
                    {
                        Add(to, letter, text.After(Short(letter)));
                    }
                    if (text._spelling == Spelling.JsonString || Enumerable.Range(0, 0x20).Any(c => NeedsHex(c) && text.After(c) is not null))
                    {
                        to.Byte('u', text.Part(Kind.Hex, 0, 4));
                    }
                    break;
                case Kind.Hex or Kind.LowHex:
                    Hex(to);
                    break;
                case Kind.LowEscape:
                    to.Byte('\\', text.Part(Kind.LowU, 0, 0, high));
                    break;
                case Kind.LowU:
                    to.Byte('u', text.Part(Kind.LowHex, 0, 4, high));
                    break;
            }
        }

        private void Utf8(MovesBuilder to)
        {
            for (int b = 0; b < 64; b++)
            {
                int next = (value << 6) + b, left = rest - 1;
                int least = Math.Max(next << (6 * left), left == 0 ? 0 : left == 1 ? 0x800 : 0x10000), most = Math.Min(((next + 1) << (6 * left)) - 1, CodePoints.Last);
                if (left > 0 ? least <= most && text.Leads(least, most) : next <= CodePoints.Last)
                {
                    Add(to, 0x80 + b, left == 0 ? text.After(next) : text.Part(Kind.Utf8, next, left));
                }
            }
        }

        private void Hex(MovesBuilder to)
        {
            bool name = text._spelling == Spelling.JsonName;
            foreach (char digit in name ? "0123456789abcdef" : "0123456789abcdefABCDEF")
            {
                int next = (value << 4) + Convert.ToInt32(digit.ToString(), 16), left = rest - 1;
                (int low, int most) = (next << (4 * left), ((next + 1) << (4 * left)) - 1);
                if (left > 0)
                {
                    if (Lives(low, most, name))
                    {
                        to.Byte(digit, text.Part(kind, next, left, high));
                    }
                }
                else if (kind == Kind.LowHex)
                {
                    Add(to, digit, next is >= 0xDC00 and <= 0xDFFF ? text.After(Pair(next)) : null);
                }
                else if (next is >= 0xD800 and <= 0xDBFF)
                {
                    Add(to, digit, Lives(next, next, name) ? text.Part(Kind.LowEscape, 0, 0, next) : null);
                }
                else
                {
                    Add(to, digit, name && !NeedsHex(next) ? null : text.After(next));
                }
            }
        }

        /// <summary>Whether units of UTF-16 in a range lead on.</summary>
        private bool Lives(int low, int most, bool name)
        {
            if (name)
            {
                return Enumerable.Range(low, Math.Min(most, 0x1F) - low + 1 is var n and > 0 ? n : 0).Any(c => NeedsHex(c) && text.After(c) is not null);
            }
            if (kind == Kind.LowHex)
            {
                (int from, int to) = (Math.Max(low, 0xDC00), Math.Min(most, 0xDFFF));
                return from <= to && text.Leads(Pair(from), Pair(to));
            }
            (int first, int last) = (Math.Max(low, 0xD800), Math.Min(most, 0xDBFF));
            return text.Leads(low, most) || (first <= last && text.Leads(0x10000 + ((first - 0xD800) << 10), 0x10000 + ((last - 0xD800) << 10) + 0x3FF));
        }

        private int Pair(int low) => 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);

        /// <summary>Whether a name writes it as \u00xx.</summary>
        private static bool NeedsHex(int c) => c is < 0x20 and not (8 or 9 or 10 or 12 or 13);

        private static void Add(MovesBuilder to, int b, State? target)
        {
            if (target is not null)
            {
                to.Byte(b, target);
            }
        }
    }
}
