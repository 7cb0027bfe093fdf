namespace Inkstone.Grammar;

internal sealed partial class TextState
{
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
                    if (
                        text._spelling == Spelling.JsonString
                        || Enumerable.Range(0, 0x20).Any(c => NeedsHex(c) && text.After(c) is not null)
                    )
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
                int next = (value << 6) + b,
                    left = rest - 1;
                int least = Math.Max(
                        next << (6 * left),
                        left == 0 ? 0
                            : left == 1 ? 0x800
                            : 0x10000
                    ),
                    most = Math.Min(((next + 1) << (6 * left)) - 1, CodePoints.Last);
                if (left > 0 ? least <= most && text.Leads(least, most) : next <= CodePoints.Last)
                {
                    Add(to, 0x80 + b, left == 0 ? text.After(next) : text.Part(Kind.Utf8, next, left));
                }
            }
        }

        private void Hex(MovesBuilder to)
        {
            bool name = text._spelling != Spelling.JsonString;
            foreach (char digit in name ? "0123456789abcdef" : "0123456789abcdefABCDEF")
            {
                int next = (value << 4) + Convert.ToInt32(digit.ToString(), 16),
                    left = rest - 1;
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
                return Enumerable
                    .Range(low, Math.Min(most, 0x1F) - low + 1 is var n and > 0 ? n : 0)
                    .Any(c => NeedsHex(c) && text.After(c) is not null);
            }
            if (kind == Kind.LowHex)
            {
                (int from, int to) = (Math.Max(low, 0xDC00), Math.Min(most, 0xDFFF));
                return from <= to && text.Leads(Pair(from), Pair(to));
            }
            (int first, int last) = (Math.Max(low, 0xD800), Math.Min(most, 0xDBFF));
            return text.Leads(low, most)
                || (first <= last && text.Leads(0x10000 + ((first - 0xD800) << 10), 0x10000 + ((last - 0xD800) << 10) + 0x3FF));
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
