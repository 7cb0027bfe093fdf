using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Jinja;

/// <summary>Filters that make texts.</summary>
internal static partial class TextFilters
{
    /// <summary>How much longer than asked for a text may be before truncate cuts it.</summary>
    private const int TruncateLeeway = 5;

    public static readonly BuiltinTable Table = new()
    {
        { "string", "", (_, v, _) => Soft(v) },
        { "upper", "", (_, v, _) => Soft(v).With(PythonCase.Upper(v.Text)) },
        { "lower", "", (_, v, _) => Soft(v).With(PythonCase.Lower(v.Text)) },
        { "capitalize", "", (_, v, _) => Soft(v).With(PythonCase.Capitalize(v.Text)) },
        { "title", "", (_, v, _) => new StringValue(string.Concat(WordStart().Split(v.Text).Select(Titled))) },
        { "trim", "chars=none", (_, v, a) => Soft(v).With(PythonText.Strip(v.Text, a.TextOrNull(0))) },
        { "center", "width=80", (run, v, a) => StringMethods.Table["center"].Apply(run, Soft(v), a) },
        {
            "replace",
            "old new count=none",
            (_, v, a) => new StringValue(TextSearch.Replace(v.Text, a[0].Text, a[1].Text, a.Has(2) ? a.Int(2) : -1))
        },
        { "join", "d='' attribute=none", Join },
        { "indent", "width=4 first=false blank=false", Indent },
        { "truncate", "length=255 killwords=false end='...' leeway=none", Truncate },
        { "wordcount", "", (_, v, _) => new IntValue(Word().Count(v.Text)) },
        { "format", null, Format },
        { "safe", "", (_, v, _) => new StringValue(v.Text, isMarkup: true) },
        { "escape e", "", (_, v, _) => Markup.Escape(v) },
        { "forceescape", "", (_, v, _) => Markup.Force(v.Text) },
        { "urlencode", "", UrlEncode },
        { "tojson", "ensure_ascii=false indent=none separators=none sort_keys=false", (run, v, a) => new StringValue(ToJson(run, v, a)) },
    };

    private static StringValue Soft(Value value) => value as StringValue ?? new StringValue(value.Text);

    private static string Titled(string word) =>
        word.Length == 0
            ? ""
            : PythonCase.Upper(word[..CodePoints.LengthAt(word, 0)]) + PythonCase.Lower(word[CodePoints.LengthAt(word, 0)..]);

    private static StringValue Join(Interpreter run, Value items, Arguments a)
    {
        StringBuilder text = new();
        string separator = a[0].Text,
            between = "";
        foreach (Value item in run.Iterate(items))
        {
            text.Append(between).Append((a.Has(1) ? run.Checked(AttributePath.Parse(a[1]).Follow(item)) : item).Text);
            PythonText.CheckLength(text);
            between = separator;
        }
        return new StringValue(text.ToString());
    }

    private static StringValue Indent(Interpreter run, Value value, Arguments a)
    {
        string indention = a[0] is StringValue given ? given.Content : PythonText.Repeat(" ", a.Int(0));
        StringValue text =
            value as StringValue
            ?? throw (
                value is UndefinedValue undefined ? undefined.Fault : new TemplateFault($"indent needs a text, not {value.TypeName}")
            );
        List<string> lines = PythonText.Lines(text.Content + "\n", keepEnds: false);
        IEnumerable<string> indented = lines.Select((line, i) => i > 0 && (a.IsTrue(2) || line.Length > 0) ? indention + line : line);
        return text.With((a.IsTrue(1) ? indention : "") + string.Join('\n', indented));
    }

    private static Value Truncate(Interpreter run, Value value, Arguments a)
    {
        int length = a.Int(0),
            leeway = a.Has(3) ? a.Int(3) : TruncateLeeway,
            room = length - CodePoints.Count(a.Text(2));
        if (room < 0 || leeway < 0)
        {
            throw new TemplateFault($"truncate cannot make a text of {length} characters that ends in {a[2].Repr}");
        }
        if (value.Count is { } count && count <= (long)length + leeway)
        {
            return value;
        }
        StringValue text = value as StringValue ?? throw new TemplateFault($"truncate needs a text, not {value.TypeName}");
        string kept = CodePoints.Pick(text.Content, new SliceRange(0, 1, room));
        int blank = a.IsTrue(1) ? -1 : kept.LastIndexOf(' ');
        return text.With((blank < 0 ? kept : kept[..blank]) + a.Text(2));
    }

    private static StringValue Format(Interpreter run, Value value, Arguments a)
    {
        if (a.Positional.Count > 0 && a.Named.Count > 0)
        {
            throw new TemplateFault("can't handle positional and keyword arguments at the same time");
        }
        return Soft(value)
            .With(PercentFormat.Apply(value.Text, a.Named.Count > 0 ? DictValue.FromPairs(a.Named) : new TupleValue(a.Positional)));
    }

    private static StringValue UrlEncode(Interpreter run, Value value, Arguments a)
    {
        if (value is StringValue || value.Items is null)
        {
            return new StringValue(Quoted(value.Text, "/"));
        }
        Value pairs = value is DictValue dict ? ContainerMethods.Items(dict) : value;
        return new StringValue(
            string.Join(
                '&',
                run.Iterate(pairs)
                    .Select(p => run.Unpack(p, 2))
                    .Select(p => $"{Quoted(p[0].Text, "")}={Quoted(p[1].Text, "")}".Replace("%20", "+", StringComparison.Ordinal))
            )
        );
    }

    private static string Quoted(string text, string safe) =>
        string.Concat(
            Encoding
                .UTF8.GetBytes(text)
                .Select(b =>
                    char.IsAsciiLetterOrDigit((char)b)
                    || "_.-~".Contains((char)b, StringComparison.Ordinal)
                    || safe.Contains((char)b, StringComparison.Ordinal)
                        ? ((char)b).ToString()
                        : $"%{b:X2}"
                )
        );

    private static string ToJson(Interpreter run, Value value, Arguments a)
    {
        string? indent = a[1] switch
        {
            NoneValue => null,
            StringValue text => text.Content,
            _ => PythonText.Repeat(" ", Math.Max(0, a.Int(1))),
        };
        string item = indent is null ? ", " : ",",
            key = ": ";
        if (a.Has(2))
        {
            IReadOnlyList<Value> separators = run.Unpack(a[2], 2);
            (item, key) = (separators[0].Text, separators[1].Text);
        }
        return new PythonJson(a.IsTrue(0), indent, item, key, a.IsTrue(3)).Write(value);
    }

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordStart();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
