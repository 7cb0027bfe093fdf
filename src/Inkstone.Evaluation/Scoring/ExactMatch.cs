using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>The metric exact_match: whether two texts are the same, after expressions, case, punctuation and digits are taken away, in this
/// order.</summary>
internal static class ExactMatch
{
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>1 or 0; of a list of responses the share that is right.</summary>
    public static double Share(Value gold, Value response, DictValue options, string place)
    {
        if (response is SequenceValue several)
        {
            if (options.Get("regexes_to_ignore") is not null)
            {
                throw new InvalidDataException(
                    $"{place}: exact_match cannot take expressions away from a list of responses; add the filter take_first."
                );
            }
            // An array of numpy holds texts of one length: lowering cuts each to the longest of them.
            int longest = several.Elements.Count == 0 ? 0 : several.Elements.Max(r => CodePoints.Count(r.Text));
            string right = Plain(gold.Text, options, CodePoints.Count(gold.Text));
            return several.Elements.Count == 0
                ? double.NaN
                : several.Elements.Average(r => Plain(r.Text, options, longest) == right ? 1.0 : 0);
        }
        if (gold is not StringValue || response is not StringValue)
        {
            return gold.Equals(response) ? 1 : 0;
        }
        string expected = Ignored(gold.Text, options),
            found = Ignored(response.Text, options);
        return Plain(found, options, CodePoints.Count(found)) == Plain(expected, options, CodePoints.Count(expected)) ? 1 : 0;
    }

    private static string Ignored(string text, DictValue options) =>
        (options.Get("regexes_to_ignore") as SequenceValue)?.Elements.Aggregate(
            text,
            (rest, r) => PythonRegex.Parse(r.Text).Replace(rest, "")
        )
        ?? text;

    private static string Plain(string text, DictValue options, int width)
    {
        if (options.Get("ignore_case") is { IsTrue: true })
        {
            text = string.Concat(CodePoints.Each(PythonCase.Lower(text)).Take(width));
        }
        if (options.Get("ignore_punctuation") is { IsTrue: true })
        {
            text = string.Concat(text.Where(c => !Punctuation.Contains(c, StringComparison.Ordinal)));
        }
        return options.Get("ignore_numbers") is { IsTrue: true } ? string.Concat(text.Where(c => !char.IsAsciiDigit(c))) : text;
    }
}
