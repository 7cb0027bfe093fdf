using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Python's <c>re</c> over .NET's expressions: what the two write differently is translated, and groups are numbered as they
/// stand.</summary>
internal sealed class PythonRegex
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private static readonly ConcurrentDictionary<string, PythonRegex> Known = new(StringComparer.Ordinal);

    private readonly Regex _regex;
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly string _pattern;
    private int _groups;

    private PythonRegex(string pattern)
    {
        _pattern = pattern;
        try
        {
            _regex = new Regex(Translated(), RegexOptions.CultureInvariant, Longest);
        }
        catch (ArgumentException fault)
        {
            throw new FormatException($"the expression '{pattern}' cannot be read: {fault.Message}", fault);
        }
    }

    /// <summary>re.compile(pattern); each is read once.</summary>
    public static PythonRegex Parse(string pattern) => Known.GetOrAdd(pattern, p => new PythonRegex(p));

    /// <summary>re.escape(text).</summary>
    public static string Escape(string text) => Regex.Replace(text, @"[\t\n\r\v\f #$&()*+\-.?\[\\\]^{|}~]", @"\$0");

    /// <summary>findall(text): whole matches, or the only group, or tuples of groups.</summary>
    public List<Value> FindAll(string text)
    {
        List<Value> found = [];
        for (Match match = _regex.Match(text); match.Success; match = match.NextMatch())
        {
            found.Add(
                _groups switch
                {
                    0 => new StringValue(match.Value),
                    1 => new StringValue(match.Groups[1].Value),
                    _ => new TupleValue([.. Enumerable.Range(1, _groups).Select(g => new StringValue(match.Groups[g].Value))]),
                }
            );
        }
        return found;
    }

    /// <summary>sub(replacement, text, count); 0 replaces all.</summary>
    public string Replace(string text, string replacement, int count = 0) =>
        _regex.Replace(text, match => Expanded(replacement, match), count == 0 ? -1 : count);

    /// <summary>split(text).</summary>
    public string[] Split(string text) => _regex.Split(text);

    /// <summary>Whether the pattern is found anywhere.</summary>
    public bool Matches(string text) => _regex.IsMatch(text);

    private string Expanded(string template, Match match)
    {
        if (!template.Contains('\\', StringComparison.Ordinal))
        {
            return template;
        }
        StringBuilder text = new();
        for (int i = 0; i < template.Length; i++)
        {
            if (template[i] != '\\' || i + 1 == template.Length)
            {
                text.Append(template[i]);
                continue;
            }
            char next = template[++i];
            if (next == 'g' && i + 1 < template.Length && template[i + 1] == '<')
            {
                int end = template.IndexOf('>', i);
                string name = template[(i + 2)..end];
                text.Append(
                    match
                        .Groups[int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : _names[name]]
                        .Value
                );
                i = end;
            }
            else if (char.IsAsciiDigit(next))
            {
                int end = i + 1 < template.Length && char.IsAsciiDigit(template[i + 1]) ? i + 2 : i + 1;
                text.Append(match.Groups[int.Parse(template[i..end], CultureInfo.InvariantCulture)].Value);
                i = end - 1;
            }
            else
            {
                text.Append(
                    next switch
                    {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'f' => '\f',
                        'v' => '\v',
                        'a' => '\a',
                        '\\' => '\\',
                        _ => next,
                    }
                );
            }
        }
        return text.ToString();
    }

    private string Translated()
    {
        StringBuilder to = new();
        for (int i = 0; i < _pattern.Length; )
        {
            i = _pattern[i] switch
            {
                '\\' => Escaped(to, i, inClass: false),
                '[' => Class(to, i),
                '(' => Group(to, i),
                '{' when i + 1 < _pattern.Length && _pattern[i + 1] == ',' => Written(to, "{0", i + 1),
                char other => Written(to, other.ToString(), i + 1),
            };
        }
        return to.ToString();
    }

    private static int Written(StringBuilder to, string text, int next)
    {
        to.Append(text);
        return next;
    }

    private int Escaped(StringBuilder to, int i, bool inClass)
    {
        if (i + 1 == _pattern.Length)
        {
            throw new FormatException($"the expression '{_pattern}' ends in a backslash");
        }
        char c = _pattern[i + 1];
        string written = c switch
        {
            'Z' => @"\z",
            // Python counts the separators of files, groups, records and units as blanks.
            's' => inClass ? @"\s\x1c-\x1f" : @"[\s\x1c-\x1f]",
            'S' when !inClass => @"[^\s\x1c-\x1f]",
            _ => _pattern.Substring(i, 2),
        };
        return Written(to, written, i + 2);
    }

    private int Class(StringBuilder to, int i)
    {
        to.Append('[');
        i++;
        if (i < _pattern.Length && _pattern[i] == '^')
        {
            to.Append('^');
            i++;
        }
        bool first = true;
        while (i < _pattern.Length && (_pattern[i] != ']' || first))
        {
            first = false;
            i = _pattern[i] switch
            {
                '\\' => Escaped(to, i, inClass: true),
                '[' => Written(to, @"\[", i + 1),
                ']' => Written(to, @"\]", i + 1),
                char other => Written(to, other.ToString(), i + 1),
            };
        }
        return i < _pattern.Length
            ? Written(to, "]", i + 1)
            : throw new FormatException($"the expression '{_pattern}' has a '[' without a ']'");
    }

    private int Group(StringBuilder to, int i)
    {
        string rest = _pattern[i..];
        if (!rest.StartsWith("(?", StringComparison.Ordinal))
        {
            _groups++;
            return Written(to, "(", i + 1);
        }
        if (Regex.Match(rest, @"^\(\?P<(\w+)>") is { Success: true } named)
        {
            _names[named.Groups[1].Value] = ++_groups;
            return Written(to, "(", i + named.Length);
        }
        if (Regex.Match(rest, @"^\(\?P=(\w+)\)") is { Success: true } again)
        {
            return Written(to, string.Create(CultureInfo.InvariantCulture, $@"(?:\{_names[again.Groups[1].Value]})"), i + again.Length);
        }
        if (Regex.Match(rest, @"^\(\?([aiLmsux]*)(-[imsx]+)?([:)])") is { Success: true } flags)
        {
            string kept = string.Concat(flags.Groups[1].Value.Where(f => f is 'i' or 'm' or 's' or 'x'));
            string set = kept + flags.Groups[2].Value;
            return Written(to, set.Length == 0 && flags.Groups[3].Value == ")" ? "" : $"(?{set}{flags.Groups[3].Value}", i + flags.Length);
        }
        return Written(to, "(", i + 1);
    }
}
