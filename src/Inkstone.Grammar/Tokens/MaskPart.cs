namespace Inkstone.Grammar;

/// <summary>Tokens that may come as far as one frame decides, and where in the tree of tokens the frame ends with bytes of the token
/// left.</summary>
/// <param name="Dense">a bit for each id, where there are many</param>
/// <param name="Ids">the ids, where there are few</param>
/// <param name="Exits">where the caller goes on; null: nowhere</param>
internal sealed record MaskPart(ulong[]? Dense, int[] Ids, Exits? Exits);

/// <summary>Nodes of the tree of tokens at which a frame ends, by how it ends.</summary>
internal sealed record Exits((int Tag, int[] Nodes)[] ByTag)
{
    /// <summary>Equal lists are one object (<see cref="MaskWalk"/> interns them), so that what follows is found by reference.</summary>
    public bool Equals(Exits? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
