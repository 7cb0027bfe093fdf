namespace Inkstone.Nn;

/// <summary>Which of some names was meant by a word that is none of them.</summary>
public static class NearestName
{
    /// <summary>The name with the least number of characters to insert, delete or replace.</summary>
    public static string? Of(string word, IEnumerable<string> names) => names.MinBy(name => Distance(word, name));

    /// <summary>Characters to insert, delete or replace.</summary>
    public static int Distance(string a, string b)
    {
        int[] last = [.. Enumerable.Range(0, b.Length + 1)],
            next = new int[b.Length + 1];
        for (int i = 0; i < a.Length; i++)
        {
            next[0] = i + 1;
            for (int j = 0; j < b.Length; j++)
            {
                next[j + 1] = Math.Min(Math.Min(next[j], last[j + 1]) + 1, last[j] + (a[i] == b[j] ? 0 : 1));
            }
            (last, next) = (next, last);
        }
        return last[b.Length];
    }
}
