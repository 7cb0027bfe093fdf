using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>The methods of str.</summary>
internal static class StringMethods
{
    public static readonly BuiltinTable Table = new()
    {
        { "upper", "", (_, s, _) => WithText(s, PythonCase.Upper(s.Text)) },
        { "lower", "", (_, s, _) => WithText(s, PythonCase.Lower(s.Text)) },
        { "casefold", "", (_, s, _) => WithText(s, PythonCase.Lower(PythonCase.Upper(PythonCase.Lower(s.Text)))) },
        { "capitalize", "", (_, s, _) => WithText(s, PythonCase.Capitalize(s.Text)) },
        { "title", "", (_, s, _) => WithText(s, PythonCase.Title(s.Text)) },
        { "swapcase", "", (_, s, _) => WithText(s, PythonCase.Swap(s.Text)) },
        { "strip", "chars=none", (_, s, a) => WithText(s, PythonText.Strip(s.Text, a.TextOrNull(0))) },
        { "lstrip", "chars=none", (_, s, a) => WithText(s, PythonText.Strip(s.Text, a.TextOrNull(0), end: false)) },
        { "rstrip", "chars=none", (_, s, a) => WithText(s, PythonText.Strip(s.Text, a.TextOrNull(0), start: false)) },
        {
            "removeprefix",
            "prefix",
            (_, s, a) => WithText(s, s.Text.StartsWith(a.Text(0), StringComparison.Ordinal) ? s.Text[a.Text(0).Length..] : s.Text)
        },
        {
            "removesuffix",
            "suffix",
            (_, s, a) => WithText(s, s.Text.EndsWith(a.Text(0), StringComparison.Ordinal) ? s.Text[..^a.Text(0).Length] : s.Text)
        },
        { "center", "width fillchar=' '", (_, s, a) => WithText(s, Centered(s.Text, a.Int(0), Filling(a))) },
        { "ljust", "width fillchar=' '", (_, s, a) => WithText(s, PythonText.Pad(s.Text, a.Int(0), Filling(a), '<')) },
        { "rjust", "width fillchar=' '", (_, s, a) => WithText(s, PythonText.Pad(s.Text, a.Int(0), Filling(a), '>')) },
        { "zfill", "width", (_, s, a) => WithText(s, ZeroFilled(s.Text, a.Int(0))) },
        { "expandtabs", "tabsize=8", (_, s, a) => WithText(s, ExpandTabs(s.Text, a.Int(0))) },
        { "replace", "old new count=-1", (_, s, a) => WithText(s, TextSearch.Replace(s.Text, a.Text(0), a.Text(1), a.Int(2))) },
        { "split", "sep=none maxsplit=-1", (_, s, a) => Row(s, TextSearch.Split(s.Text, a.TextOrNull(0), a.Int(1))) },
        { "rsplit", "sep=none maxsplit=-1", (_, s, a) => Row(s, TextSearch.SplitFromEnd(s.Text, a.TextOrNull(0), a.Int(1))) },
        { "splitlines", "keepends=false", (_, s, a) => Row(s, PythonText.Lines(s.Text, a.IsTrue(0))) },
        { "partition", "sep", (_, s, a) => Parts(s, a.Text(0), s.Text.IndexOf(a.Text(0), StringComparison.Ordinal), last: false) },
        { "rpartition", "sep", (_, s, a) => Parts(s, a.Text(0), s.Text.LastIndexOf(a.Text(0), StringComparison.Ordinal), last: true) },
        { "join", "iterable", (run, s, a) => WithText(s, Join(run, s.Text, a[0])) },
        {
            "startswith",
            "prefix start=none end=none",
            (_, s, a) => BoolValue.FromBoolean(Affix(s, a, "startswith", (text, part) => text.StartsWith(part, StringComparison.Ordinal)))
        },
        {
            "endswith",
            "suffix start=none end=none",
            (_, s, a) => BoolValue.FromBoolean(Affix(s, a, "endswith", (text, part) => text.EndsWith(part, StringComparison.Ordinal)))
        },
        { "find", "sub start=none end=none", (_, s, a) => new IntValue(TextSearch.Find(s, a, last: false)) },
        { "rfind", "sub start=none end=none", (_, s, a) => new IntValue(TextSearch.Find(s, a, last: true)) },
        { "index", "sub start=none end=none", (_, s, a) => Found(TextSearch.Find(s, a, last: false)) },
        { "rindex", "sub start=none end=none", (_, s, a) => Found(TextSearch.Find(s, a, last: true)) },
        { "count", "sub start=none end=none", (_, s, a) => new IntValue(TextSearch.Occurrences(s, a)) },
        { "format", null, (run, s, a) => WithText(s, new StringFormat(a).Apply(s.Text)) },
        { "format_map", "mapping", (run, s, a) => WithText(s, new StringFormat(new Arguments([], Lookup.Names(a[0]))).Apply(s.Text)) },
        { "isupper", "", (_, s, _) => BoolValue.FromBoolean(PythonCase.IsUpper(s.Text)) },
        { "islower", "", (_, s, _) => BoolValue.FromBoolean(PythonCase.IsLower(s.Text)) },
        { "istitle", "", (_, s, _) => BoolValue.FromBoolean(PythonCase.IsTitle(s.Text)) },
        { "isspace", "", (_, s, _) => BoolValue.FromBoolean(PythonText.IsBlank(s.Text)) },
        { "isascii", "", (_, s, _) => BoolValue.FromBoolean(Ascii.IsValid(s.Text)) },
        { "isalpha", "", (_, s, _) => BoolValue.FromBoolean(All(s, Rune.IsLetter)) },
        {
            "isdecimal",
            "",
            (_, s, _) => BoolValue.FromBoolean(All(s, r => Rune.GetUnicodeCategory(r) == UnicodeCategory.DecimalDigitNumber))
        },
        { "isdigit", "", (_, s, _) => BoolValue.FromBoolean(All(s, IsDigit)) },
        { "isnumeric", "", (_, s, _) => BoolValue.FromBoolean(All(s, IsNumeric)) },
        { "isalnum", "", (_, s, _) => BoolValue.FromBoolean(All(s, r => Rune.IsLetter(r) || IsNumeric(r))) },
        {
            "isidentifier",
            "",
            (_, s, _) =>
                BoolValue.FromBoolean(
                    s.Text.Length > 0 && !char.IsAsciiDigit(s.Text[0]) && s.Text.All(c => char.IsLetterOrDigit(c) || c == '_')
                )
        },
        { "isprintable", "", (_, s, _) => BoolValue.FromBoolean(s.Text.EnumerateRunes().All(r => PythonText.IsPrintable(r.Value))) },
    };

    /// <summary>str(separator).join(…) of texts only.</summary>
    public static string Join(Interpreter run, string separator, Value items)
    {
        StringBuilder text = new();
        int i = 0;
        foreach (Value item in run.Iterate(items))
        {
            text.Append(i == 0 ? "" : separator)
                .Append(
                    item is StringValue part
                        ? part.Content
                        : throw new TemplateFault($"sequence item {i}: expected str instance, {item.TypeName} found")
                );
            PythonText.CheckLength(text);
            i++;
        }
        return text.ToString();
    }

    private static StringValue WithText(Value s, string text) => ((StringValue)s).With(text);

    private static ListValue Row(Value s, IEnumerable<string> parts) => new([.. parts.Select(p => WithText(s, p))]);

    private static IntValue Found(int at) => at >= 0 ? new IntValue(at) : throw new TemplateFault("substring not found");

    private static string Filling(Arguments a) =>
        CodePoints.Count(a.Text(1)) == 1 ? a.Text(1) : throw new TemplateFault("the fill character must be exactly one character long");

    /// <summary>An odd blank goes left when the width is odd, as str.center has it, and not always right, as formats have it.</summary>
    private static string Centered(string text, int width, string filling)
    {
        int missing = Math.Max(0, width - CodePoints.Count(text)),
            left = (missing / 2) + (missing & width & 1);
        return PythonText.Repeat(filling, left) + text + PythonText.Repeat(filling, missing - left);
    }

    private static string ZeroFilled(string text, int width)
    {
        int sign = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        return text[..sign] + PythonText.Pad(text[sign..], width - sign, "0", '>');
    }

    private static string ExpandTabs(string text, int size)
    {
        StringBuilder expanded = new();
        int column = 0;
        foreach (Rune c in text.EnumerateRunes())
        {
            if (c.Value == '\t')
            {
                int blanks = size > 0 ? size - (column % size) : 0;
                expanded.Append(PythonText.Repeat(" ", blanks));
                column += blanks;
            }
            else
            {
                expanded.Append(c.ToString());
                column = c.Value is '\n' or '\r' ? 0 : column + 1;
            }
            PythonText.CheckLength(expanded);
        }
        return expanded.ToString();
    }

    private static TupleValue Parts(Value s, string separator, int at, bool last)
    {
        if (separator.Length == 0)
        {
            throw new TemplateFault("empty separator");
        }
        string text = s.Text;
        string[] parts =
            at >= 0 ? [text[..at], separator, text[(at + separator.Length)..]]
            : last ? ["", "", text]
            : [text, "", ""];
        return new TupleValue([.. parts.Select(p => WithText(s, p))]);
    }

    private static bool Affix(Value s, Arguments a, string method, Func<string, string, bool> has)
    {
        string? text = TextSearch.Part(s.Text, a[1], a[2]);
        IEnumerable<Value> affixes = a[0] is TupleValue tuple ? tuple.Elements : [a[0]];
        return affixes.Any(affix =>
            text is not null
            && has(
                text,
                affix is StringValue part
                    ? part.Content
                    : throw new TemplateFault($"{method} first arg must be str or a tuple of str, not {affix.TypeName}")
            )
        );
    }

    private static bool All(Value s, Func<Rune, bool> holds) => s.Text.Length > 0 && s.Text.EnumerateRunes().All(holds);

    private static bool IsDigit(Rune r) => CharUnicodeInfo.GetDigitValue(r.ToString(), 0) >= 0;

    private static bool IsNumeric(Rune r) => CharUnicodeInfo.GetNumericValue(r.ToString(), 0) != -1;
}
