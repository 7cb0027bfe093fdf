namespace Inkstone.Data;

/// <summary>A part of a text, in UTF-16 units.</summary>
/// <param name="Start">the first one</param>
/// <param name="End">one behind the last</param>
public readonly record struct TextSpan(int Start, int End);
