using System.Buffers;
using System.Text;

namespace Inkstone.Data;

/// <summary>Puts what links show in their place: labels of links within the wiki and out of it; files, categories and links to other
/// languages vanish.</summary>
internal sealed class WikiLinks(WikiSite site)
{
    private const int MostNested = 12; // files hold captions with links; more is damage
    private static readonly SearchValues<char> NoTarget = SearchValues.Create("[]{}<>\n" + Markup.Break);
    private static readonly SearchValues<char> AddressEnd = SearchValues.Create(" \t\n[]<>\"" + Markup.Break + Markup.Void);
    private static readonly string[] Protocols =
    [
        "http://",
        "https://",
        "//",
        "ftp://",
        "ftps://",
        "sftp://",
        "mailto:",
        "news:",
        "irc://",
        "ircs://",
        "gopher://",
        "telnet://",
        "nntp://",
        "git://",
        "svn://",
        "ssh://",
        "tel:",
        "sip:",
        "sips:",
        "sms:",
        "xmpp:",
        "magnet:",
        "bitcoin:",
        "geo:",
        "urn:",
        "worldwind://",
        "redis://",
        "mms://",
    ];

    public string Show(string text)
    {
        if (!text.Contains('[', StringComparison.Ordinal))
        {
            return text;
        }
        StringBuilder output = new(text.Length);
        Show(text, Match(text), new TextSpan(0, text.Length), output, 0);
        return output.ToString();
    }

    /// <summary>For each [[ the place of its ]]. Of three or more brackets in a row the inner two count, unless a single one was opened
    /// that the first of three closes.</summary>
    private static Dictionary<int, int> Match(string text)
    {
        const int Single = -1;
        Dictionary<int, int> pairs = [];
        Stack<int> open = new();
        for (int i = text.AsSpan().IndexOfAny('[', ']'); i >= 0; )
        {
            int run = text.AsSpan(i).IndexOfAnyExcept(text[i]),
                end = run < 0 ? text.Length : i + run;
            if (text[i] == '[')
            {
                if ((end - i) % 2 == 1)
                {
                    open.Push(Single);
                }
                for (int at = i + (end - i) % 2; at < end; at += 2)
                {
                    open.Push(at);
                }
            }
            while (text[i] == ']' && i < end && open.Count > 0)
            {
                if ((end - i) % 2 == 1 && open.Peek() == Single)
                {
                    open.Pop();
                }
                else if (end - i >= 2)
                {
                    while (open.TryPeek(out int top) && top == Single)
                    {
                        open.Pop();
                    }
                    if (open.TryPop(out int start))
                    {
                        pairs[start] = i++;
                    }
                }
                if (++i == text.Length)
                {
                    break;
                }
            }
            int next = text.AsSpan(end).IndexOfAny('[', ']');
            i = next < 0 ? -1 : end + next;
        }
        return pairs;
    }

    private void Show(string text, Dictionary<int, int> pairs, TextSpan span, StringBuilder output, int depth)
    {
        for (int at = span.Start; at < span.End; )
        {
            int step = text.AsSpan(at, span.End - at).IndexOf('[');
            if (step < 0 || depth == MostNested)
            {
                output.Append(text, at, span.End - at);
                return;
            }
            output.Append(text, at, step);
            at += step;
            if (pairs.TryGetValue(at, out int close) && close < span.End && Internal(text, pairs, at + 2, close, output, depth))
            {
                at = close + 2;
            }
            else if (External(text, pairs, at, span.End, output, depth) is var end and > 0)
            {
                at = end;
            }
            else
            {
                int run = text.AsSpan(at, span.End - at).IndexOfAnyExcept('[');
                // Of three brackets the first is text; a pair that is no link stays as a pair.
                run = run < 0 ? span.End - at : run;
                int taken = run % 2 == 1 ? 1 : 2;
                output.Append(text, at, taken);
                at += taken;
            }
        }
    }

    private bool Internal(string text, Dictionary<int, int> pairs, int start, int close, StringBuilder output, int depth)
    {
        ReadOnlySpan<char> inside = text.AsSpan(start, close - start);
        int bar = inside.IndexOf('|');
        string target = new([.. (bar < 0 ? inside : inside[..bar]).ToString().Where(c => !Markup.IsInvisible(c))]);
        target = target.Trim();
        bool isPlain = target.StartsWith(':');
        string prefix = target.IndexOf(':', StringComparison.Ordinal) is var colon and > 0 ? target[..colon].Replace('_', ' ').Trim() : "";
        if (target.AsSpan().ContainsAny(NoTarget) && !site.IsFile(prefix) || target.Length == 0 || target == ":")
        {
            return false;
        }
        if (!isPlain && (site.IsFile(prefix) || site.IsCategory(prefix) || WikiSite.IsLanguage(prefix)))
        {
            output.Append(Markup.Void);
            return true;
        }
        int label = bar < 0 ? inside.IndexOfAnyExcept(" \t:".AsSpan()) : bar + 1;
        if (bar >= 0 && inside[label..].Trim().IsEmpty)
        {
            AppendLabel(PipeTrick(target.TrimStart(':')), output);
            return true;
        }
        StringBuilder shown = new();
        Show(text, pairs, new TextSpan(start + Math.Max(0, label), close), shown, depth + 1);
        AppendLabel(shown.ToString(), output);
        return true;
    }

    /// <summary>Colons of a label do not part a term from its definition.</summary>
    private static void AppendLabel(string label, StringBuilder output)
    {
        for (int at = 0, colon; at < label.Length; at = colon + 1)
        {
            colon = label.IndexOf(':', at);
            if (colon < 0)
            {
                colon = label.Length;
            }
            output.Append(label, at, colon - at);
            if (colon < label.Length)
            {
                output.AppendGuarded(":");
            }
        }
    }

    /// <summary>A title without its namespace and without what stands in brackets at its end.</summary>
    private static string PipeTrick(string target)
    {
        string name = target[(target.IndexOf(':', StringComparison.Ordinal) + 1)..];
        int bracket = name.IndexOfAny(['(', '（']);
        return (bracket > 0 ? name[..bracket] : name).Trim();
    }

    /// <summary>Appends the label of [address label] and returns the place behind it; 0 where it is no link.</summary>
    private int External(string text, Dictionary<int, int> pairs, int at, int end, StringBuilder output, int depth)
    {
        ReadOnlySpan<char> rest = text.AsSpan(at + 1, end - at - 1);
        bool isAddress = false;
        foreach (string protocol in Protocols)
        {
            isAddress |= rest.StartsWith(protocol, StringComparison.OrdinalIgnoreCase) && rest.Length > protocol.Length;
        }
        if (!isAddress)
        {
            return 0;
        }
        int address = rest.IndexOfAny(AddressEnd);
        if (address < 3)
        {
            return 0;
        }
        int close = address,
            open = 0;
        for (; close < rest.Length && (open > 0 || rest[close] != ']'); close++)
        {
            if (rest[close] == '\n')
            {
                return 0;
            }
            open +=
                rest[close] == '[' ? 1
                : rest[close] == ']' ? -1
                : 0;
        }
        if (close == rest.Length)
        {
            return 0;
        }
        ReadOnlySpan<char> label = rest[address..close].Trim(" \t");
        int start = at + 1 + address + (label.IsEmpty ? 0 : rest[address..close].IndexOfAnyExcept(" \t"));
        if (label.IsEmpty)
        {
            output.Append(Markup.Void);
        }
        else
        {
            StringBuilder shown = new();
            Show(text, pairs, new TextSpan(start, start + label.Length), shown, depth + 1);
            AppendLabel(shown.ToString(), output);
        }
        return at + 1 + close + 1;
    }
}
