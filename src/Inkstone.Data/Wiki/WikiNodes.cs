namespace Inkstone.Data;

/// <summary>What a part of wikitext is that has to be known before any other markup.</summary>
internal enum WikiNodeKind
{
    /// <summary>A comment.</summary>
    Comment,

    /// <summary>A tag whose content is no plain wikitext, with its content: ref, nowiki, math, …</summary>
    Tag,

    /// <summary>{{…}}</summary>
    Template,

    /// <summary>{{{…}}}</summary>
    Parameter,

    /// <summary>-{…}-</summary>
    Variant,
}

/// <summary>A part of wikitext with the parts in it.</summary>
/// <param name="Kind">what it is</param>
/// <param name="Start">where it begins</param>
/// <param name="End">one behind its end</param>
/// <param name="ContentStart">where its inside begins</param>
/// <param name="ContentEnd">one behind the end of its inside</param>
internal sealed record WikiNode(WikiNodeKind Kind, int Start, int End, int ContentStart, int ContentEnd)
{
    /// <summary>Name of a tag in lower case.</summary>
    public string Name { get; init; } = "";

    /// <summary>Attributes of a tag as they stand.</summary>
    public TextSpan Attributes { get; init; }

    /// <summary>Places of the bars that part the content.</summary>
    public IReadOnlyList<int> Bars { get; init; } = [];

    /// <summary>Parts inside, in order.</summary>
    public IReadOnlyList<WikiNode> Children { get; init; } = [];
}
