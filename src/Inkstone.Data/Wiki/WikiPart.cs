namespace Inkstone.Data;

/// <summary>What one part of a dump gave: its whole pages as lines to write, and the pieces of pages at its borders.</summary>
internal sealed record WikiPart(byte[] Head, WikiRows Lines, byte[] Tail, bool HasBorder);

/// <summary>Lines to write about some pages.</summary>
/// <param name="Pages">JSON of the pages that are kept</param>
/// <param name="LeftOut">tab-separated lines about the others</param>
/// <param name="Ids">numbers of all articles among them</param>
/// <param name="Counts">how many of which</param>
internal sealed record WikiRows(byte[] Pages, string LeftOut, IReadOnlyList<long> Ids, WikiCounts Counts);
