using System.Text;

namespace Inkstone.Data;

/// <summary>Takes tables out: {| at the beginning of a line, also behind colons, up to the |} that belongs to it. One that never ends goes
/// up to the next heading.</summary>
internal static class WikiTables
{
    public static string Remove(string text)
    {
        if (!text.Contains("{|", StringComparison.Ordinal))
        {
            return text;
        }
        StringBuilder output = new(text.Length);
        int depth = 0;
        foreach (Range range in text.AsSpan().Split('\n'))
        {
            ReadOnlySpan<char> line = text.AsSpan()[range],
                bare = Bare(line);
            if (bare.StartsWith("{|"))
            {
                if (depth++ == 0)
                {
                    output.Append(Markup.Void).Append('\n');
                }
            }
            else if (depth > 0 && bare.StartsWith("|}"))
            {
                ReadOnlySpan<char> rest = bare[2..];
                if (--depth == 0 && !rest.Trim().IsEmpty)
                {
                    output.Append(rest.Trim()).Append('\n');
                }
            }
            else if (depth > 0 && line.StartsWith("==") && !ClosesLater(text, range.End.GetOffset(text.Length), depth))
            {
                depth = 0;
                output.Append(line).Append('\n');
            }
            else if (depth == 0)
            {
                output.Append(line).Append('\n');
            }
        }
        return output.ToString();
    }

    private static bool ClosesLater(string text, int from, int depth)
    {
        foreach (Range range in text.AsSpan(from).Split('\n'))
        {
            ReadOnlySpan<char> bare = Bare(text.AsSpan(from)[range]);
            depth +=
                bare.StartsWith("{|") ? 1
                : bare.StartsWith("|}") ? -1
                : 0;
            if (depth == 0)
            {
                return true;
            }
        }
        return false;
    }

    private static ReadOnlySpan<char> Bare(ReadOnlySpan<char> line)
    {
        int i = 0;
        while (i < line.Length && (line[i] is ' ' or '\t' or ':' or '*' or '#' || Markup.IsInvisible(line[i])))
        {
            i++;
        }
        return line[i..];
    }
}
