using System.Collections.Frozen;
using System.Text;

namespace Inkstone.Data;

/// <summary>A language as far as it shows.</summary>
/// <param name="Code">zh-Hans, zh-Hant, or an ISO 639-1 code; und where nothing tells.</param>
/// <param name="Confidence">From 0 to 1: the share of letters in the script, times how clearly words or characters decide.</param>
public sealed record LanguageGuess(string Code, double Confidence);

/// <summary>
/// Tells languages by their script, Chinese in its two forms by characters that only one of them has, and languages of the Latin and
/// Cyrillic scripts by
/// their most frequent words. Made for documents, not for single words.
/// </summary>
public static class Languages
{
    /// <summary>Characters of simplified and, one for one, of traditional Chinese, most frequent first; none of them is right in the other
    /// form.</summary>
    private const string Simplified =
            "这个来们国会说时为对学动发过现样开还进经义间见两无点长门问实将员题论总军机给战电书车业东关让认马种气变当场体应边数话结该产农处报么写远运选单张语难觉随视热领级济织师识够强调谈负传党阶环严",
        Traditional =
            "這個來們國會說時為對學動發過現樣開還進經義間見兩無點長門問實將員題論總軍機給戰電書車業東關讓認馬種氣變當場體應邊數話結該產農處報麼寫遠運選單張語難覺隨視熱領級濟織師識夠強調談負傳黨階環嚴";

    private static readonly FrozenSet<int> OnlySimplified = Simplified.Except(Traditional).Select(c => (int)c).ToFrozenSet(),
        OnlyTraditional = Traditional.Except(Simplified).Select(c => (int)c).ToFrozenSet();

    private static readonly (string Code, FrozenSet<string> Words)[] Latin =
    [
        ("en", Set("the of and to in is that it was for on with as his be at by this had not but from have are which")),
        ("de", Set("der die und das ist nicht ein eine den mit sich auf für von dem zu als auch es im werden aus bei nach wird")),
        ("fr", Set("le la les des et est une que dans qui pour pas sur au plus par ce avec il du sont cette nous mais ont")),
        ("es", Set("el los las del que y en un una por con para es no se su al como más pero sus le ha este cuando")),
        ("it", Set("il di che è la per un non una sono con del della si più gli nel anche dei come alla questo ma le")),
        ("pt", Set("o os do da que não em um uma para com é por mais dos das no na ao como mas foi seu são pelo")),
        ("nl", Set("de het een en van ik dat niet is op te zijn voor met die er maar ook aan om bij wordt naar uit")),
        ("pl", Set("w i na się nie z do to że jest o jak po ale od przez który za są być jego oraz tym")),
        ("tr", Set("ve bir bu da de için ile çok olarak daha ne gibi olan en kadar sonra ama var değil her")),
        ("vi", Set("và là của có không được cho trong người một các với này những để khi đã đến từ ở")),
        ("id", Set("yang dan di ini dengan untuk dari dalam tidak pada itu adalah akan oleh juga ke sebagai atau bisa")),
        ("sv", Set("och att det som en på är av för med den till inte om ett har var jag men från")),
    ];

    private static readonly (string Code, FrozenSet<string> Words)[] Cyrillic =
    [
        ("ru", Set("и в не на что с он как это по но его из за от так же бы к ее был для")),
        ("uk", Set("і в не на що з як це та до за його від але є для у про й був")),
        ("bg", Set("и на да се не за от са това по като е си ще към беше който но с")),
    ];

    /// <summary>The language of a text.</summary>
    public static LanguageGuess Detect(string text)
    {
        int[] letters = new int[Enum.GetValues<Script>().Length];
        (int simplified, int traditional, int other) = (0, 0, 0);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Script script = Scripts.Classify(rune);
            if (script != Script.Other)
            {
                letters[(int)script]++;
            }
            else if (Rune.IsLetter(rune))
            {
                other++;
            }
            if (script != Script.Han)
            {
                continue;
            }
            if (OnlySimplified.Contains(rune.Value))
            {
                simplified++;
            }
            else if (OnlyTraditional.Contains(rune.Value))
            {
                traditional++;
            }
        }
        double all = letters.Sum() + other;
        if (all == 0)
        {
            return new LanguageGuess("und", 0);
        }

        // A Han character says about as much as three Latin letters.
        letters[(int)Script.Han] *= 3;
        letters[(int)Script.Kana] *= 2;
        letters[(int)Script.Hangul] *= 2;
        int weight = letters.Sum() + other;
        int Han(Script script) => letters[(int)script];
        Script most = (Script)Array.IndexOf(letters, letters.Max());
        // Japanese writes most of its grammar in kana.
        if (most is Script.Han or Script.Kana && Han(Script.Kana) * 3 > Han(Script.Han) / 3)
        {
            return new LanguageGuess("ja", (double)(Han(Script.Han) + Han(Script.Kana)) / weight);
        }
        double share = (double)letters[(int)most] / weight;
        return most switch
        {
            _ when letters[(int)most] == 0 => new LanguageGuess("und", 0),
            Script.Han => new LanguageGuess(traditional > simplified ? "zh-Hant" : "zh-Hans", share),
            Script.Hangul => new LanguageGuess("ko", share),
            Script.Greek => new LanguageGuess("el", share),
            Script.Hebrew => new LanguageGuess("he", share),
            Script.Arabic => new LanguageGuess("ar", share),
            Script.Devanagari => new LanguageGuess("hi", share),
            Script.SoutheastAsian => new LanguageGuess("th", share),
            _ => ByWords(text, most == Script.Latin ? Latin : Cyrillic, share),
        };
    }

    /// <summary>Whether a guess answers to a wanted code; zh takes both of its forms.</summary>
    public static bool Matches(string wanted, string code) => code == wanted || code.StartsWith(wanted + "-", StringComparison.Ordinal);

    private static LanguageGuess ByWords(string text, (string Code, FrozenSet<string> Words)[] languages, double share)
    {
        int[] counts = new int[languages.Length];
        int words = 0;
        foreach (string unit in UnitFilter.Units(text))
        {
            string word = unit.ToLowerInvariant();
            words++;
            for (int i = 0; i < counts.Length; i++)
            {
                if (languages[i].Words.Contains(word))
                {
                    counts[i]++;
                }
            }
        }
        int best = Array.IndexOf(counts, counts.Max());
        double second = counts.Where((_, i) => i != best).Max();
        // Running text has a fifth and more of such words; a list of names has none.
        return counts[best] < 1 || counts[best] < 0.03 * words
            ? new LanguageGuess("und", 0)
            : new LanguageGuess(languages[best].Code, share * counts[best] / (counts[best] + second));
    }

    private static FrozenSet<string> Set(string words) => words.Split(' ').ToFrozenSet(StringComparer.Ordinal);
}
