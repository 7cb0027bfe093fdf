namespace Inkstone.Grammar;

/// <summary>A regular expression as a tree.</summary>
internal abstract record Pattern
{
    /// <summary>One character of a set.</summary>
    public sealed record Set((int Low, int High)[] Ranges) : Pattern;

    /// <summary>All parts, one behind the other.</summary>
    public sealed record Sequence(IReadOnlyList<Pattern> Parts) : Pattern;

    /// <summary>One of the parts.</summary>
    public sealed record Either(IReadOnlyList<Pattern> Parts) : Pattern;

    /// <summary>The part so many times; no most: any number.</summary>
    public sealed record Repeat(Pattern Part, int Least, int? Most) : Pattern;

    /// <summary>^ or $: nothing, but only there.</summary>
    public sealed record Edge(bool AtEnd) : Pattern;
}
