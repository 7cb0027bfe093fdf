using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// A guess at a text's language by its script, by letters that one language alone has, and by its commonest words: right for plain prose,
/// an approximation elsewhere.
/// </summary>
internal static class LanguageGuess
{
    private static readonly (string Language, char From, char To)[] Scripts =
    [
        ("ja", '\u3040', '\u30FF'),
        ("ko", '\uAC00', '\uD7AF'),
        ("zh", '\u4E00', '\u9FFF'),
        ("ru", '\u0400', '\u04FF'),
        ("ar", '\u0600', '\u06FF'),
        ("hi", '\u0900', '\u097F'),
        ("bn", '\u0980', '\u09FF'),
        ("pa", '\u0A00', '\u0A7F'),
        ("gu", '\u0A80', '\u0AFF'),
        ("ta", '\u0B80', '\u0BFF'),
        ("te", '\u0C00', '\u0C7F'),
        ("kn", '\u0C80', '\u0CFF'),
        ("ml", '\u0D00', '\u0D7F'),
        ("th", '\u0E00', '\u0E7F'),
        ("he", '\u0590', '\u05FF'),
        ("el", '\u0370', '\u03FF'),
    ];

    /// <summary>Languages that share a script, and words that tell one from the other.</summary>
    private static readonly Dictionary<string, (string Language, string Words)[]> Relatives = new(StringComparer.Ordinal)
    {
        ["ru"] =
        [
            ("ru", "и в не на что он это как но по все она так его"),
            ("uk", "і в не на що він це як але по та її з до"),
            ("bg", "и в не на че той това като но по да се за от"),
        ],
        ["ar"] =
        [
            ("ar", "في من على أن إلى هذا التي الذي كان مع"),
            ("fa", "در از به که این را با است برای می"),
            ("ur", "کے کی میں سے ہے اور کو نے کا یہ"),
        ],
        ["hi"] =
        [
            ("hi", "के में की है और से को का यह हैं"),
            ("mr", "आहे आणि या च्या ते मध्ये होते आहेत हे"),
            ("ne", "छ र को मा छन् हो पनि यो भने गर्न"),
        ],
        ["latin"] =
        [
            ("en", "the of and to in is that it for as with was on are this be by not"),
            ("es", "de la que el en y a los se del las un por con una para es"),
            ("pt", "de a o que e do da em um para com não uma os no se na"),
            ("fr", "de la le et les des en un du une que est pour qui dans il ne pas"),
            ("de", "der die und in den von zu das mit sich des auf für ist im dem nicht ein"),
            ("it", "di che è la il un a per in una sono con non del della le"),
            ("pl", "w i na z się nie do to że jest o jak po co"),
            ("vi", "là của và có được cho không trong một các người những"),
            ("sw", "ya na wa kwa ni katika za la kuwa yake hii cha"),
            ("fi", "ja on ei se että hän oli mutta ovat kun niin myös"),
        ],
    };

    /// <summary>The code of a language; null where the text has no letters.</summary>
    public static string? Guess(string text)
    {
        Dictionary<string, int> counts = new(StringComparer.Ordinal);
        foreach (char c in text.Where(char.IsLetter))
        {
            string script = Scripts.FirstOrDefault(s => c >= s.From && c <= s.To).Language ?? "latin";
            counts[script] = counts.GetValueOrDefault(script) + 1;
        }
        if (counts.Count == 0)
        {
            return null;
        }
        // Japanese has Chinese characters among its own.
        string most =
            counts.GetValueOrDefault("ja") * 5 > counts.GetValueOrDefault("zh") && counts.ContainsKey("ja")
                ? "ja"
                : counts.MaxBy(c => c.Value).Key;
        if (!Relatives.TryGetValue(most, out (string Language, string Words)[]? relatives))
        {
            return most == "zh" ? "zh-cn" : most;
        }
        string[] words = [.. PythonRegex.Parse(@"\w+").FindAll(PythonCase.Lower(text)).Select(w => w.Text)];
        return relatives.MaxBy(r => r.Words.Split(' ') is var common ? words.Count(common.Contains) : 0).Language;
    }
}
