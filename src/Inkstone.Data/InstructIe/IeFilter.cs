namespace Inkstone.Data;

/// <summary>Which records are removed, and why: by fixed bounds one by one, then by the percentiles of their topics.</summary>
internal sealed class IeFilter(IeRecipe recipe, IeSchema schema, IReadOnlySet<ulong> heldOut)
{
    /// <summary>All reasons against a record, the first of which it is counted under.</summary>
    public IEnumerable<string> Reasons(IeRecord record)
    {
        if (record.Relations.Count < recipe.Relations.Least)
        {
            yield return record.Relations.Count == 0 ? "no relations" : "too few relations";
        }
        if (!schema.Fields.TryGetValue(record.Topic, out IReadOnlyList<string>? fields))
        {
            yield return "topic without a schema";
        }
        else if (record.Relations.Any(r => !fields.Contains(r.Name)))
        {
            yield return "relation outside its schema";
        }
        if (heldOut.Contains(record.TextHash))
        {
            yield return "text is held out";
        }
        if (record.Relations.Count > recipe.Relations.Most)
        {
            yield return "too many relations";
        }
        if (record.Input.Length < recipe.Input.Least)
        {
            yield return "text too short";
        }
        if (record.Input.Length > recipe.Input.Most)
        {
            yield return "text too long";
        }
        if (record.Relations.Count > 0 && record.LongestName > recipe.HeadTail)
        {
            yield return "head or tail too long";
        }
        if (record.Relations.Count > 0 && IeTexts.Json(IeTexts.Answer(record.Relations)).Length > recipe.Output)
        {
            yield return "answer too long";
        }
    }

    /// <summary>Sizes above which a record is too large for its topic: the smallest that at least this percentage of the records do not
    /// exceed.</summary>
    /// <returns>by topic, in the order of <see cref="IeFacts.Sizes"/></returns>
    public IReadOnlyDictionary<short, int[]> Limits(IEnumerable<IeFacts> kept) =>
        kept.GroupBy(f => f.Topic)
            .ToDictionary(
                g => g.Key,
                g =>
                    IeFacts
                        .Sizes.Select(s =>
                        {
                            int[] sizes = [.. g.Select(s.Size)];
                            Array.Sort(sizes);
                            return sizes[Math.Clamp((int)Math.Ceiling(recipe.Percentile / 100 * sizes.Length) - 1, 0, sizes.Length - 1)];
                        })
                        .ToArray()
            );
}
