namespace Inkstone.Grammar;

/// <summary>What a value must be: it satisfies some schemas and does not satisfy some others. Equal ones are one object; the one without
/// schemas is any value.</summary>
internal sealed class Conjunction(IReadOnlyList<(SchemaNode Node, bool Holds)> literals)
{
    public IReadOnlyList<(SchemaNode Node, bool Holds)> Literals => literals;

    /// <summary>Its alternatives; null: not yet found.</summary>
    public IReadOnlyList<ValueBox>? Boxes { get; set; }

    /// <summary>Whether its alternatives are being found.</summary>
    public bool IsOpen { get; set; }

    /// <summary>Whether there is such a value; null: not yet found.</summary>
    public bool? IsInhabited { get; set; }

    public State? State { get; set; }
}
