using System.Globalization;
using System.Text;

namespace Inkstone.Data;

/// <summary>
/// Takes HTML's tags off and leaves what they hold: a block's borders and br are line ends, list items get their sign, tables and what is
/// styled as invisible vanish.
/// What is no tag of wikitext stays.
/// </summary>
internal sealed class WikiHtml
{
    private readonly string _text;
    private readonly StringBuilder _output;
    private readonly List<int> _lists = []; // for each open list the number of its last item; -1: bullets
    private readonly HashSet<string> _neverClosed = [];
    private bool _bracketed;

    private WikiHtml(string text) => (_text, _output) = (text, new StringBuilder(text.Length));

    public static string Remove(string text) => text.Contains('<', StringComparison.Ordinal) ? new WikiHtml(text).Run() : text;

    private string Run()
    {
        int copied = 0;
        for (int at = _text.IndexOf('<', StringComparison.Ordinal); at >= 0; at = at < _text.Length ? _text.IndexOf('<', at) : -1)
        {
            string? name = WikiTags.Parse(_text.AsSpan(at), out bool isClosing, out int nameEnd, out int length);
            if (name is null || !WikiTags.IsKnown(name))
            {
                at++;
                continue;
            }
            _output.Append(_text, copied, at - copied);
            ReadOnlySpan<char> attributes = _text.AsSpan(at + nameEnd, length - nameEnd - 1);
            int end = at + length;
            if (
                !isClosing
                && !attributes.EndsWith("/")
                && (name == "table" || IsInvisible(attributes))
                && name is not ("br" or "hr" or "wbr")
                && EndOf(name, end) is var beyond and > 0
            )
            {
                _output.Append(Markup.Void);
                end = beyond;
            }
            else
            {
                Tag(name, isClosing, end);
            }
            copied = at = end;
        }
        return _output.Append(_text, copied, _text.Length - copied).ToString();
    }

    private void Tag(string name, bool isClosing, int end)
    {
        switch (name)
        {
            case "rt":
                // Where no rp tags bring brackets, the reading gets its own.
                if (!isClosing)
                {
                    _bracketed = _output is not [.., '(' or '（'];
                }
                if (_bracketed)
                {
                    _output.Append(isClosing ? ')' : '(');
                }
                break;
            case "ul" or "ol":
                if (!isClosing)
                {
                    _lists.Add(name == "ul" ? -1 : 0);
                }
                else if (_lists.Count > 0)
                {
                    _lists.RemoveAt(_lists.Count - 1);
                }
                _output.Append(Markup.Break);
                break;
            case "li":
                _output.Append(Markup.Break);
                if (!isClosing && _lists.Count > 0)
                {
                    Item();
                }
                break;
            case ['h', >= '1' and <= '6']:
                if (isClosing)
                {
                    _output.Append('=', name[1] - '0').Append('\n');
                }
                else if (_text.IndexOf("</" + name, end, StringComparison.OrdinalIgnoreCase) >= 0)
                {
                    _output.Append('\n').Append('=', name[1] - '0');
                }
                break;
            default:
                if (WikiTags.Block.Contains(name))
                {
                    _output.Append(Markup.Break);
                }
                break;
        }
    }

    private void Item()
    {
        string indent = new(' ', 2 * (_lists.Count - 1));
        _output.AppendGuarded(indent);
        if (_lists[^1] < 0)
        {
            _output.AppendGuarded("- ");
        }
        else
        {
            _output.AppendGuarded(string.Create(CultureInfo.InvariantCulture, $"{++_lists[^1]}. "));
        }
    }

    private static bool IsInvisible(ReadOnlySpan<char> attributes)
    {
        int display = attributes.IndexOf("display", StringComparison.OrdinalIgnoreCase);
        if (display < 0)
        {
            return false;
        }
        ReadOnlySpan<char> value = attributes[(display + 7)..].TrimStart();
        return value.StartsWith(":") && value[1..].TrimStart().StartsWith("none", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>One behind the closing tag of an element whose content begins here; 0 where it is never closed.</summary>
    private int EndOf(string name, int from)
    {
        if (_neverClosed.Contains(name))
        {
            return 0;
        }
        int depth = 1;
        for (int at = _text.IndexOf('<', from); at >= 0; at = _text.IndexOf('<', at + 1))
        {
            if (
                WikiTags.Parse(_text.AsSpan(at), out bool isClosing, out _, out int length) != name
                || !isClosing && _text[at + length - 2] == '/'
            )
            {
                continue;
            }
            depth += isClosing ? -1 : 1;
            if (depth == 0)
            {
                return at + length;
            }
        }
        _neverClosed.Add(name);
        return 0;
    }
}
