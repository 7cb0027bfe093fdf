using System.Buffers;
using System.Text.Json;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// IFEval (Zhou et al. 2023): a response keeps to an instruction or not; loosely, if it does without its first line, its last line or its
/// asterisks.
/// Numbers of sentences, words in capitals and languages are approximations: those who published it ask NLTK and langdetect.
/// </summary>
internal static class IfEval
{
    /// <summary>Instructions whose checks are approximations here.</summary>
    public static readonly string[] Approximate =
    [
        "length_constraints:number_sentences",
        "change_case:capital_word_frequency",
        "language:response_language",
        "change_case:english_capital",
        "change_case:english_lowercase",
    ];

    private static readonly SearchValues<char> Marks = SearchValues.Create(".,?!'\"");

    public static IReadOnlyList<(string, Value)> Score(DictValue document, string response)
    {
        IReadOnlyList<Value> instructions = ((SequenceValue)document.Get("instruction_id_list")!).Elements,
            arguments = ((SequenceValue)document.Get("kwargs")!).Elements;
        string[] lines = response.Split('\n');
        string[] parts =
        [
            string.Join('\n', lines[1..]),
            string.Join('\n', lines[..^1]),
            lines.Length > 2 ? string.Join('\n', lines[1..^1]) : "",
        ];
        string[] loose = [response, .. parts.Select(p => PythonText.Strip(p, null))];
        loose = [.. loose, .. loose.Select(r => r.Replace("*", "", StringComparison.Ordinal))];
        bool[] strictly = [.. instructions.Select((id, i) => Follows(id.Text, (DictValue)arguments[i], response))];
        bool[] loosely = [.. instructions.Select((id, i) => loose.Any(r => Follows(id.Text, (DictValue)arguments[i], r)))];
        return
        [
            ("prompt_level_strict_acc", BoolValue.FromBoolean(strictly.All(f => f))),
            ("inst_level_strict_acc", List(strictly)),
            ("prompt_level_loose_acc", BoolValue.FromBoolean(loosely.All(f => f))),
            ("inst_level_loose_acc", List(loosely)),
        ];
    }

    private static ListValue List(bool[] flags) => new([.. flags.Select(BoolValue.FromBoolean)]);

    private static bool Follows(string id, DictValue a, string response) =>
        PythonText.Strip(response, null).Length > 0 && Check(id, a, response);

    private static bool Check(string id, DictValue a, string text) =>
        id switch
        {
            "keywords:existence" => Words(a, "keywords").All(k => PythonRegex.Parse("(?i)" + k).Matches(text)),
            "keywords:frequency" => Compared(
                PythonRegex.Parse("(?i)" + PythonText.Strip(a.Text("keyword") ?? "", null)).FindAll(text).Count,
                a,
                "frequency",
                "relation"
            ),
            "keywords:forbidden_words" => !Words(a, "forbidden_words").Any(w => PythonRegex.Parse($@"(?i)\b{w}\b").Matches(text)),
            "keywords:letter_frequency" => Compared(
                Count(PythonCase.Lower(text), PythonCase.Lower(a.Text("letter") ?? "")),
                a,
                "let_frequency",
                "let_relation"
            ),
            "language:response_language" => LanguageGuess.Guess(text) is not { } language || language == a.Text("language"),
            "length_constraints:number_sentences" => Compared(
                PythonRegex.Parse(@"[^.!?。！？]*[^.!?。！？\s][^.!?。！？]*(?:[.!?。！？]+|$)").FindAll(text).Count,
                a,
                "num_sentences",
                "relation"
            ),
            "length_constraints:number_paragraphs" => Paragraphs(text) == Number(a, "num_paragraphs"),
            "length_constraints:number_words" => Compared(PythonRegex.Parse(@"\w+").FindAll(text).Count, a, "num_words", "relation"),
            "length_constraints:nth_paragraph_first_word" => FirstWord(text, a),
            "detectable_content:number_placeholders" => PythonRegex.Parse(@"\[.*?\]").FindAll(text).Count >= Number(a, "num_placeholders"),
            "detectable_content:postscript" => Postscript(text, PythonText.Strip(a.Text("postscript_marker") ?? "P.S.", null)),
            "detectable_format:number_bullet_lists" => PythonRegex.Parse(@"(?m)^\s*\*[^\*].*$").FindAll(text).Count
                + PythonRegex.Parse(@"(?m)^\s*-.*$").FindAll(text).Count
                == Number(a, "num_bullets"),
            "detectable_format:constrained_response" => ((string[])["My answer is yes.", "My answer is no.", "My answer is maybe."]).Any(
                o => text.Contains(o, StringComparison.Ordinal)
            ),
            "detectable_format:number_highlighted_sections" => Highlights(text) >= Number(a, "num_highlights"),
            "detectable_format:multiple_sections" => PythonRegex
                .Parse($@"\s?{PythonText.Strip(a.Text("section_spliter") ?? "Section", null)}\s?\d+\s?")
                .Split(text)
                .Length - 1
                >= Number(a, "num_sections"),
            "detectable_format:json_format" => IsJson(text),
            "detectable_format:title" => PythonRegex
                .Parse(@"<<[^\n]+>>")
                .FindAll(text)
                .Any(t => PythonText.Strip(t.Text.TrimStart('<').TrimEnd('>'), null).Length > 0),
            "combination:two_responses" => TwoResponses(text),
            "combination:repeat_prompt" => PythonCase
                .Lower(PythonText.Strip(text, null))
                .StartsWith(PythonCase.Lower(PythonText.Strip(a.Text("prompt_to_repeat") ?? "", null)), StringComparison.Ordinal),
            "startend:end_checker" => PythonCase
                .Lower(PythonText.Strip(text, null).Trim('"'))
                .EndsWith(PythonCase.Lower(PythonText.Strip(a.Text("end_phrase") ?? "", null)), StringComparison.Ordinal),
            "startend:quotation" => PythonText.Strip(text, null) is ['"', .., '"'],
            "change_case:capital_word_frequency" => Compared(
                PythonRegex.Parse(@"\w+(?:[-']\w+)*").FindAll(text).Count(w => IsUpper(w.Text)),
                a,
                "capital_frequency",
                "capital_relation"
            ),
            "change_case:english_capital" => IsUpper(text) && LanguageGuess.Guess(text) is null or "en",
            "change_case:english_lowercase" => IsLower(text) && LanguageGuess.Guess(text) is null or "en",
            "punctuation:no_comma" => !text.Contains(',', StringComparison.Ordinal),
            _ => throw new InvalidDataException($"IFEval has no instruction '{id}'; check the rows."),
        };

    private static int Number(DictValue a, string key) => PythonValues.Whole(a.Get(key)) ?? 0;

    private static IEnumerable<string> Words(DictValue a, string key) => (a.Get(key) as SequenceValue)?.Elements.Select(w => w.Text) ?? [];

    private static int Count(string text, string letter) => letter.Length == 0 ? 0 : CodePoints.Each(text).Count(c => c == letter);

    private static bool Compared(int count, DictValue a, string key, string relation) =>
        a.Text(relation) == "less than" ? count < Number(a, key) : count >= Number(a, key);

    private static bool IsUpper(string text) => text.Any(char.IsUpper) && !text.Any(char.IsLower);

    private static bool IsLower(string text) => text.Any(char.IsLower) && !text.Any(char.IsUpper);

    /// <summary>Parts between ***; -1 where one in the middle is empty.</summary>
    private static int Paragraphs(string text)
    {
        string[] parts = PythonRegex.Parse(@"\s?\*\*\*\s?").Split(text);
        int count = parts.Length;
        for (int i = 0; i < parts.Length; i++)
        {
            if (PythonText.Strip(parts[i], null).Length == 0)
            {
                if (i > 0 && i < parts.Length - 1)
                {
                    return -1;
                }
                count--;
            }
        }
        return count;
    }

    private static bool FirstWord(string text, DictValue a)
    {
        string[] paragraphs = text.Split("\n\n");
        int count = paragraphs.Count(p => PythonText.Strip(p, null).Length > 0),
            wanted = Number(a, "nth_paragraph");
        if (wanted < 1 || wanted > count || PythonText.Strip(paragraphs[wanted - 1], null) is not { Length: > 0 } paragraph)
        {
            return false;
        }
        string word = paragraph.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0].TrimStart('\'').TrimStart('"');
        int end = word.AsSpan().IndexOfAny(Marks);
        return count == Number(a, "num_paragraphs")
            && PythonCase.Lower(end < 0 ? word : word[..end]) == PythonCase.Lower(a.Text("first_word") ?? "");
    }

    private static bool Postscript(string text, string marker) =>
        PythonRegex
            .Parse(
                marker switch
                {
                    "P.P.S" => @"(?m)\s*p\.\s?p\.\s?s.*$",
                    "P.S." => @"(?m)\s*p\.\s?s\..*$",
                    _ => $@"(?m)\s*{PythonCase.Lower(marker)}.*$",
                }
            )
            .Matches(PythonCase.Lower(text));

    private static int Highlights(string text) =>
        PythonRegex.Parse(@"\*[^\n\*]*\*").FindAll(text).Count(h => PythonText.Strip(h.Text.Trim('*'), null).Length > 0)
        + PythonRegex.Parse(@"\*\*[^\n\*]*\*\*").FindAll(text).Count(h => PythonText.Strip(h.Text[2..^2], null).Length > 0);

    private static bool TwoResponses(string text)
    {
        string[] parts = [.. text.Split("******").Select(p => PythonText.Strip(p, null))];
        string[] full = [.. parts.Where(p => p.Length > 0)];
        return parts.Skip(1).SkipLast(1).All(p => p.Length > 0) && full.Length == 2 && full[0] != full[1];
    }

    private static bool IsJson(string text)
    {
        text = PythonText.Strip(text, null);
        foreach (string fence in (string[])["```json", "```Json", "```JSON", "```"])
        {
            text = text.StartsWith(fence, StringComparison.Ordinal) ? text[fence.Length..] : text;
        }
        text = text.EndsWith("```", StringComparison.Ordinal) ? text[..^3] : text;
        try
        {
            using JsonDocument _ = JsonDocument.Parse(PythonText.Strip(text, null));
            return true;
        }
        catch (JsonException)
        {
            return PythonText.Strip(text, null) is "NaN" or "Infinity" or "-Infinity";
        }
    }
}
