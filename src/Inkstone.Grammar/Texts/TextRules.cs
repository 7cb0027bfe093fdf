using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>Which characters may follow one another: an automaton, or two bounds of the length, which would make a long one.</summary>
internal abstract class TextRules
{
    /// <summary>All texts.</summary>
    public static TextRules Any { get; } = new Automaton(CharDfa.Any);

    /// <summary>Ranges of characters and where they lead.</summary>
    public abstract (int Low, int High, int Target)[] Edges(int state);

    /// <summary>How a text may end in a state; 0: it may not.</summary>
    public abstract int Tag(int state);

    /// <summary>How many characters may follow, whatever they are.</summary>
    public abstract int Free(int state);

    /// <summary>Whether all texts may follow, and end alike.</summary>
    public virtual bool IsUniversal(int state) => false;

    /// <summary>The tags that can still be reached, as bits.</summary>
    public virtual BigInteger Reach(int state) => BigInteger.One << 1;

    /// <summary>The first tag of texts that no schema names, so that there is no end of them.</summary>
    public virtual int Unnamed => int.MaxValue;

    /// <summary>An automaton.</summary>
    public sealed class Automaton(CharDfa dfa, int unnamed = int.MaxValue) : TextRules
    {
        public override int Unnamed => unnamed;

        private BigInteger[]? _reach;

        public override (int Low, int High, int Target)[] Edges(int state) => dfa.Edges[state];

        public override int Tag(int state) => dfa.Tags[state];

        public override int Free(int state) => dfa.IsUniversal(state) ? int.MaxValue : 0;

        public override bool IsUniversal(int state) => dfa.IsUniversal(state);

        public override BigInteger Reach(int state) => (_reach ??= FindReach())[state];

        private BigInteger[] FindReach()
        {
            BigInteger[] reach = [.. dfa.Tags.Select(t => t == 0 ? BigInteger.Zero : BigInteger.One << t)];
            for (bool changed = true; changed; )
            {
                changed = false;
                for (int q = reach.Length - 1; q >= 0; q--)
                {
                    BigInteger all = reach[q];
                    foreach ((_, _, int target) in dfa.Edges[q])
                    {
                        all |= reach[target];
                    }
                    changed |= all != reach[q];
                    reach[q] = all;
                }
            }
            return reach;
        }
    }

    /// <summary>From <paramref name="least"/> to <paramref name="most"/> characters (<see cref="int.MaxValue"/>: any number). State 0 is
    /// before the first; 1, behind it, is state 0 of <see cref="Next"/>.</summary>
    public sealed class Lengths(int least, int most) : TextRules
    {
        public int Least => least;

        public int Most => most;

        /// <summary>What is left behind one character.</summary>
        public (int Least, int Most) Next => (Math.Max(least - 1, 0), most == int.MaxValue ? most : most - 1);

        public override (int Low, int High, int Target)[] Edges(int state) =>
            most == 0 ? [] : [(0, 0xD7FF, 1), (0xE000, CodePoints.Last, 1)];

        public override int Tag(int state) => least == 0 ? 1 : 0;

        public override int Free(int state) => most;

        public override bool IsUniversal(int state) => least == 0 && most == int.MaxValue;
    }
}
