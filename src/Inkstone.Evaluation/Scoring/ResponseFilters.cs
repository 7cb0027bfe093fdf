using System.Globalization;
using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What becomes of a request's responses, a list at first.</summary>
internal delegate Value ResponseFilter(Value responses, DictValue document);

/// <summary>The filters that task files name, with lm-evaluation-harness's parameters and defaults.</summary>
internal static class ResponseFilters
{
    private const string Invalid = "[invalid]",
        GsmNumber = @"#### (\-?[0-9\.\,]+)";

    private static readonly string[] Names =
    [
        "format_span",
        "lowercase",
        "majority_vote",
        "map",
        "multi_choice_regex",
        "regex",
        "regex_pos",
        "remove_whitespace",
        "take_first",
        "take_first_k",
        "uppercase",
    ];

    public static ResponseFilter TakeFirst { get; } = (responses, _) => Row(responses)[0];

    public static ResponseFilter Named(DictValue options, string place)
    {
        string name = options.Text("function") ?? throw new InvalidDataException($"{place}: a filter names no function.");
        switch (name)
        {
            case "take_first":
                return TakeFirst;
            case "take_first_k":
                int k =
                    PythonValues.Whole(options.Get("k")) ?? throw new InvalidDataException($"{place}: the filter take_first_k needs k.");
                return (responses, _) =>
                    Row(responses) is { } row && row.Count >= k
                        ? new ListValue([.. row.Take(k)])
                        : throw new InvalidDataException(
                            $"{place}: take_first_k wants {k} responses and there are {Row(responses).Count}; raise the task's repeats."
                        );
            case "majority_vote":
                return (responses, _) => new ListValue([Commonest(Row(responses))]);
            case "remove_whitespace":
                return Each(place, name, text => PythonText.Strip(text, null));
            case "lowercase":
                return Each(place, name, PythonCase.Lower);
            case "uppercase":
                return Each(place, name, PythonCase.Upper);
            case "map":
                return Map(options);
            case "regex":
                return Matching(new RegexFilter(options, GsmNumber, Invalid, place));
            case "multi_choice_regex":
                return new ChoiceFilter(options, new RegexFilter(options, GsmNumber, Invalid, place), place).Apply;
            case "regex_pos":
                return PartsOfSpeech(options);
            case "format_span":
                return Each(place, name, SpanFilter.Format);
            case "custom":
                throw new InvalidDataException($"{place}: the filter custom is written in Python, which is not run here.");
            default:
                throw new InvalidDataException($"{place}: there is no filter '{name}'; there are {string.Join(", ", Names)}.");
        }
    }

    internal static IReadOnlyList<Value> Row(Value responses) =>
        responses switch
        {
            SequenceValue row => row.Elements,
            StringValue text => [.. text.Items],
            _ => throw new InvalidDataException(
                $"a filter got {responses.Repr} where a list of responses is wanted; check the order of the filters."
            ),
        };

    private static ResponseFilter Each(string place, string name, Func<string, string> change) =>
        (responses, _) =>
            new ListValue([
                .. Row(responses)
                    .Select(r =>
                        r is StringValue text
                            ? new StringValue(change(text.Content))
                            : throw new InvalidDataException($"{place}: the filter {name} works on texts, not on {r.Repr}.")
                    ),
            ]);

    private static ResponseFilter Matching(RegexFilter filter) => (responses, _) => new ListValue([.. Row(responses).Select(filter.Pick)]);

    private static ResponseFilter Map(DictValue options)
    {
        DictValue map = options.Get("mapping_dict") as DictValue ?? new DictValue([]);
        Value otherwise = options.Get("default_value") ?? NoneValue.None;
        return (responses, _) => new ListValue([.. Row(responses).Select(r => map.Entries.GetValueOrDefault(r) ?? otherwise)]);
    }

    /// <summary>Of those that come equally often the first.</summary>
    private static Value Commonest(IReadOnlyList<Value> responses) => responses.GroupBy(r => r).MaxBy(g => g.Count())!.Key;

    private static ResponseFilter PartsOfSpeech(DictValue options)
    {
        Value fallback = options.Get("fallback") ?? new ListValue([new StringValue("invalid")]);
        PythonRegex pairs = PythonRegex.Parse(@"\('([^']*)', '([^']*)'\)");
        return (responses, _) =>
            new ListValue([
                .. Row(responses)
                    .Select(r =>
                        pairs.FindAll(r.Text) is { Count: > 0 } found
                            ? new ListValue([.. found.Select(f => ((TupleValue)f).Elements[1])])
                            : fallback
                    ),
            ]);
    }
}

/// <summary>The filter regex: one match of all that are found.</summary>
internal sealed class RegexFilter
{
    private readonly PythonRegex _regex;
    private readonly int _select;
    private readonly string _place;

    public RegexFilter(DictValue options, string pattern, string fallback, string place)
    {
        (_regex, _place) = (PythonRegex.Parse(options.Text("regex_pattern") ?? pattern), place);
        _select = PythonValues.Whole(options.Get("group_select")) ?? 0;
        Fallback = options.Get("fallback") ?? new StringValue(fallback);
    }

    public Value Fallback { get; }

    public Value Pick(Value response)
    {
        List<Value> found = _regex.FindAll(response is StringValue text ? text.Content : "");
        return found.Count == 0
            ? Fallback
            : Stripped(found[Selected(found.Count)])
                ?? (Fallback is StringValue words ? new StringValue(PythonText.Strip(words.Content, null)) : Fallback);
    }

    /// <summary>The match without blanks around it; null where there is none, "" where its groups are all empty.</summary>
    public string? Find(PythonRegex? regex, string response)
    {
        List<Value> found = (regex ?? _regex).FindAll(response);
        return found.Count == 0 ? null : Stripped(found[Selected(found.Count)])?.Content ?? "";
    }

    private int Selected(int count) =>
        _select < count && _select >= -count
            ? (_select < 0 ? _select + count : _select)
            : throw new InvalidDataException(
                $"{_place}: group_select is {_select.ToString(CultureInfo.InvariantCulture)}, and a response has {count} matches only; take 0 (the first) or -1 (the last)."
            );

    /// <summary>Of several groups the first that is not empty; null where all are.</summary>
    private static StringValue? Stripped(Value match)
    {
        string? text = match is TupleValue groups ? groups.Elements.Select(g => g.Text).FirstOrDefault(g => g.Length > 0) : match.Text;
        return text is null ? null : new StringValue(PythonText.Strip(text, null));
    }
}

/// <summary>The filter multi_choice_regex: the expression, else a choice's own words, else a letter behind a colon; the answer is written
/// as "(A)".</summary>
internal sealed class ChoiceFilter(DictValue options, RegexFilter regex, string place)
{
    private readonly bool _ignoreCase = options.Get("ignore_case")?.IsTrue ?? false,
        _ignorePunctuation = options.Get("ignore_punctuation")?.IsTrue ?? false;
    private readonly PythonRegex[] _ignored =
    [
        .. (options.Get("regexes_to_ignore") as ListValue)?.Elements.Select(r => PythonRegex.Parse(r.Text)) ?? [],
    ];

    public Value Apply(Value responses, DictValue document)
    {
        SequenceValue choices =
            document.Get("choices") as SequenceValue
            ?? throw new InvalidDataException(
                $"{place}: the filter multi_choice_regex needs a column choices, a list of texts, and the documents have none."
            );
        string[] words = [.. choices.Elements.Select(c => Plain(PythonText.Strip(c.Text, null)))];
        string[] letters = [.. words.Select((_, i) => ((char)('A' + i)).ToString())];
        PythonRegex byWords = PythonRegex.Parse(
            string.Join('|', words.OrderByDescending(w => CodePoints.Count(w)).Select(PythonRegex.Escape))
        );
        PythonRegex byLetter = PythonRegex.Parse($@":[\s]*({string.Join('|', letters)})");
        Dictionary<string, string> letterOfWords = new(StringComparer.Ordinal);
        for (int i = 0; i < words.Length; i++)
        {
            letterOfWords[words[i]] = $"({letters[i]})";
        }
        return new ListValue([.. ResponseFilters.Row(responses).Select(r => Pick(r is StringValue text ? text.Content : ""))]);

        Value Pick(string response)
        {
            string? found = regex.Find(null, response);
            if (string.IsNullOrEmpty(found))
            {
                found = regex.Find(byWords, Plain(response));
                found = found is { Length: > 0 } ? letterOfWords.GetValueOrDefault(found, found) : found;
            }
            if (string.IsNullOrEmpty(found))
            {
                found = regex.Find(byLetter, response);
                found = found is { Length: > 0 } ? $"({found})" : found;
            }
            return string.IsNullOrEmpty(found) ? regex.Fallback : new StringValue(found);
        }
    }

    private string Plain(string text)
    {
        text = _ignored.Aggregate(text, (rest, r) => r.Replace(rest, ""));
        text = _ignoreCase ? PythonCase.Lower(text) : text;
        return _ignorePunctuation ? WithoutPunctuation(text) : text;
    }

    private static string WithoutPunctuation(string text)
    {
        StringBuilder kept = new(text.Length);
        foreach (string character in CodePoints.Each(text))
        {
            if (
                CharUnicodeInfo.GetUnicodeCategory(character, 0)
                is not (
                    UnicodeCategory.ConnectorPunctuation
                    or UnicodeCategory.DashPunctuation
                    or UnicodeCategory.OpenPunctuation
                    or UnicodeCategory.ClosePunctuation
                    or UnicodeCategory.InitialQuotePunctuation
                    or UnicodeCategory.FinalQuotePunctuation
                    or UnicodeCategory.OtherPunctuation
                )
            )
            {
                kept.Append(character);
            }
        }
        return kept.ToString();
    }
}

/// <summary>The filter format_span: named entities written in one form, "per: name $ loc: place".</summary>
internal static class SpanFilter
{
    private static readonly (string Word, string Label)[] Labels =
    [
        ("person", "PER"),
        ("location", "LOC"),
        ("organization", "ORG"),
        ("counties", "LOC"),
        ("places", "LOC"),
        ("people", "PER"),
        ("persons", "PER"),
        ("company", "ORG"),
        ("country", "LOC"),
        ("continent", "LOC"),
        ("time", "DATE"),
        ("date", "DATE"),
        ("per", "PER"),
        ("loc", "LOC"),
        ("org", "ORG"),
    ];

    public static string Format(string text)
    {
        text = PythonCase.Lower(text);
        foreach ((string word, string label) in Labels)
        {
            text = PythonRegex.Parse($@"\b{word}\s*:").Replace(text, label + ":");
        }
        text = PythonText.Strip(text.Replace("$$", "$", StringComparison.Ordinal).TrimEnd('$').Replace('\n', '$'), null);
        IEnumerable<string> entities = PythonRegex
            .Parse(@"\b(PER|LOC|ORG|DATE):\s*([^$]+)")
            .FindAll(text)
            .Cast<TupleValue>()
            .SelectMany(found =>
                found
                    .Elements[1]
                    .Text.Split(',')
                    .Select(entity => PythonText.Strip(entity, null))
                    .Where(entity => PythonCase.Lower(entity) != "none")
                    .Select(entity => $"{PythonCase.Lower(found.Elements[0].Text)}: {entity}")
            );
        return string.Join(" $ ", entities);
    }
}
