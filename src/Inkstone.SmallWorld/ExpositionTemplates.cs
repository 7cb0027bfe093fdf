using System.Text;
using static Inkstone.SmallWorld.WorldLanguage;

namespace Inkstone.SmallWorld;

/// <summary>Documents that state facts one after another: portraits, families, numbers, calendar, towns, things.</summary>
internal sealed class ExpositionTemplates(FactIndex facts)
{
    private readonly WorldRandom _random = facts.Random;

    public string Portraits(WorldLanguage language)
    {
        Person[] people = _random.OneIn(2)
            ? _random.Some([.. _random.Pick(facts.World.Families).Members], 3)
            : _random.Some(facts.World.People, 3);
        return string.Join('\n', people.Select(p => Portrait(p, language)));
    }

    public string Household(WorldLanguage language)
    {
        Family f = _random.Pick(facts.World.Families);
        Person a = f.Children[0],
            b = f.Children[1],
            c = f.Children[2];
        int girls = f.Children.Count(child => child.IsFemale);
        string[] sentences =
            language == Chinese
                ?
                [
                    $"{f.Name.Zh}家住在{f.Town.Zh}，家里养着{f.Pet.Measure}{f.Pet.Zh}。",
                    $"{f.Name.Zh}家的爷爷是{f.Grandfather.Zh}，奶奶是{f.Grandmother.Zh}，爸爸是{f.Father.Zh}，妈妈是{f.Mother.Zh}。",
                    $"{f.Father.Zh}和{f.Mother.Zh}有三个孩子，老大叫{a.Zh}，老二叫{b.Zh}，老三叫{c.Zh}。",
                    $"{a.Zh}、{b.Zh}和{c.Zh}是{(girls == 3 ? "姐妹" : girls == 0 ? "兄弟" : "兄弟姐妹")}。",
                    $"{f.Name.Zh}家一共有七口人。",
                ]
                :
                [
                    $"The {f.Name.En} family lives in {f.Town.En} and has {f.Pet.Pet} at home.",
                    $"In the {f.Name.En} family the grandfather is {f.Grandfather.En}, the grandmother is {f.Grandmother.En}, the father is {f.Father.En} and the mother is {f.Mother.En}.",
                    $"{f.Father.En} and {f.Mother.En} have three children: the eldest is {a.En}, the second is {b.En} and the youngest is {c.En}.",
                    $"{a.En}, {b.En} and {c.En} are {(girls == 3 ? "sisters" : girls == 0 ? "brothers" : "brothers and sisters")}.",
                    $"There are seven people in the {f.Name.En} family.",
                ];
        return Paragraph(language, _random.Shuffled(sentences)) + "\n" + Portrait(_random.Pick([.. f.Members]), language);
    }

    public string Counting(WorldLanguage language)
    {
        List<string> lines = [];
        for (int row = 0; row < 3; row++)
        {
            int from = _random.Between(0, NumberFacts.Largest - 5),
                to = Math.Min(NumberFacts.Largest, from + _random.Between(5, 12));
            int[] numbers = [.. Enumerable.Range(from, to - from + 1)];
            bool down = _random.OneIn(3);
            if (down)
            {
                Array.Reverse(numbers);
            }
            lines.Add(
                language == Chinese
                    ? $"从{numbers[0]}{(down ? "倒着" : "")}数到{numbers[^1]}：{string.Join('、', numbers)}。"
                    : $"Counting {(down ? "down " : "")}from {numbers[0]} to {numbers[^1]}: {string.Join(", ", numbers)}."
            );
        }
        lines.Add(Paragraph(language, Statements(facts.Told("counting", language), 5)));
        return string.Join('\n', lines);
    }

    public string Sums(WorldLanguage language)
    {
        List<string> sentences = [];
        for (int i = 0; i < 8; i++)
        {
            (int a, int b) = facts.Sum(smallest: 1, asked: false);
            bool bothTold = facts.Get("plus", b * 10 + a, language).IsShown;
            // The mirror sentence names no sum, so it may be said of any pair: it is what held-out sums follow from.
            sentences.Add(
                _random.Next(6) switch
                {
                    0 when a != b => language == Chinese ? $"{a}加{b}和{b}加{a}一样多。" : $"{a} plus {b} and {b} plus {a} are the same.",
                    1 when a != b => language == Chinese ? $"{b}加{a}和{a}加{b}一样多。" : $"{b} plus {a} and {a} plus {b} are the same.",
                    2 or 3 when a != b && bothTold => language == Chinese
                        ? $"{a}加{b}等于{a + b}，{b}加{a}也等于{a + b}。"
                        : $"{a} plus {b} is {a + b}, and {b} plus {a} is {a + b} too.",
                    _ => _random.Pick(facts.Get("plus", a * 10 + b, language).Told),
                }
            );
        }
        return Paragraph(language, sentences);
    }

    public string Comparisons(WorldLanguage language)
    {
        int[] row = [.. _random.Some([.. Enumerable.Range(1, NumberFacts.Largest)], 6).Order()];
        string order =
            language == Chinese ? $"从小到大排一排：{string.Join('、', row)}。" : $"From small to large: {string.Join(", ", row)}.";
        return order + "\n" + Paragraph(language, Statements(facts.Told("comparison", language), 8));
    }

    public string Calendar(WorldLanguage language)
    {
        string opening = (language, _random.Next(3)) switch
        {
            (Chinese, 0) => $"一个星期有七天：{string.Join('、', Lexicon.Weekdays.Select(d => d.Zh))}。",
            (Chinese, 1) => $"一年有十二个月：{string.Join('、', Lexicon.Months.Select(m => m.Zh))}。",
            (Chinese, _) =>
                "一年有四个季节：春天、夏天、秋天、冬天。三月、四月和五月是春天，六月、七月和八月是夏天，九月、十月和十一月是秋天，十二月、一月和二月是冬天。",
            (_, 0) => $"A week has seven days: {string.Join(", ", Lexicon.Weekdays.Select(d => d.En))}.",
            (_, 1) => $"A year has twelve months: {string.Join(", ", Lexicon.Months.Select(m => m.En))}.",
            _ =>
                "A year has four seasons: spring, summer, autumn and winter. March, April and May are spring, June, July and August are summer, September, October and November are autumn, December, January and February are winter.",
        };
        return opening + "\n" + Paragraph(language, Statements(facts.Told("calendar", language), 7));
    }

    public string Towns(WorldLanguage language)
    {
        IEnumerable<string> paragraphs = _random
            .Some(facts.World.Towns, 2)
            .Select(town =>
            {
                Family family = facts.World.Families.First(f => f.Town == town);
                string home =
                    language == Chinese ? $"{family.Name.Zh}家就住在{town.Zh}。" : $"The {family.Name.En} family lives in {town.En}.";
                Fact[] told = [.. facts.Told("towns", language).Where(f => f.Subject == town.Index)];
                return Paragraph(language, [.. Statements(told, told.Length), home]);
            });
        return string.Join('\n', paragraphs);
    }

    public string Things(WorldLanguage language) => Paragraph(language, Statements(facts.Told("things", language), 9));

    private string[] Statements(Fact[] facts, int count) => [.. _random.Some(facts, count).Select(f => _random.Pick(f.Told))];

    private static string Paragraph(WorldLanguage language, IEnumerable<string> sentences) =>
        string.Join(language == Chinese ? "" : " ", sentences);

    /// <summary>What may be told of a person; a pronoun may follow a sentence that has the person as its subject.</summary>
    private string Portrait(Person person, WorldLanguage language)
    {
        StringBuilder text = new();
        string name = person.Name(language);
        bool isSubject = false;
        foreach (Fact fact in _random.Shuffled(facts.ToldOf(person, language)))
        {
            string sentence = _random.Pick(fact.Told);
            bool begins = sentence.StartsWith(name, StringComparison.Ordinal);
            if (begins && isSubject && !_random.OneIn(3))
            {
                sentence = WithPronoun(sentence[name.Length..], person, language);
            }
            isSubject = begins;
            if (text.Length > 0 && language == English)
            {
                text.Append(' ');
            }
            text.Append(sentence);
        }
        return text.ToString();
    }

    private static string WithPronoun(string rest, Person person, WorldLanguage language) =>
        language == Chinese ? person.HeZh + rest
        : rest.StartsWith("'s ", StringComparison.Ordinal) ? (person.IsFemale ? "Her" : "His") + rest[2..]
        : person.HeCapital + rest;
}
