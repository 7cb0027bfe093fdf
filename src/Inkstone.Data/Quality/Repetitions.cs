namespace Inkstone.Data;

/// <summary>What of a list was there before: counts and characters, as the published filters take them.</summary>
internal static class Repetitions
{
    /// <summary>Items that equal an earlier one, and their characters.</summary>
    public static (int Count, int Characters) Items(IReadOnlyList<string> items)
    {
        HashSet<string> seen = new(items.Count, StringComparer.Ordinal);
        (int count, int characters) = (0, 0);
        foreach (string item in items)
        {
            if (seen.Add(item))
            {
                continue;
            }
            count++;
            characters += CleaningRules.CharacterCount(item);
        }
        return (count, characters);
    }

    /// <summary>Characters that the most frequent run of n words covers, its blanks with it: length times frequency of the first with the
    /// highest count; null of fewer than n words.</summary>
    public static int? TopNGram(List<string> words, int n)
    {
        if (words.Count < n)
        {
            return null;
        }
        Dictionary<string, int> counts = new(StringComparer.Ordinal);
        List<string> order = [];
        for (int i = 0; i + n <= words.Count; i++)
        {
            string gram = string.Join(' ', words.Slice(i, n));
            if (!counts.TryGetValue(gram, out int count))
            {
                order.Add(gram);
            }
            counts[gram] = count + 1;
        }
        string top = order.MaxBy(gram => counts[gram])!; // the first of equals
        return CleaningRules.CharacterCount(top) * counts[top];
    }

    /// <summary>Characters in runs of n words that were there before; a run that was is passed over as a whole.</summary>
    public static int NGrams(List<string> words, int n)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        int characters = 0;
        for (int i = 0; i + n <= words.Count; )
        {
            string gram = string.Concat(words.Slice(i, n));
            if (seen.Add(gram))
            {
                i++;
                continue;
            }
            characters += CleaningRules.CharacterCount(gram);
            i += n;
        }
        return characters;
    }
}
