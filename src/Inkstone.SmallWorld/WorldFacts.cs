using static Inkstone.SmallWorld.WorldLanguage;

namespace Inkstone.SmallWorld;

/// <summary>What is told of towns, animals, tools and the calendar; one fact in four is told in other words only.</summary>
internal static class WorldFacts
{
    public static IEnumerable<Fact> All(World world, WorldRandom random)
    {
        foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
        {
            foreach (Fact fact in world.Towns.SelectMany(t => TownFacts(t, language)).Concat(Things(language)).Concat(Calendar(language)))
            {
                yield return random.OneIn(4) ? fact with { Exposure = Exposure.Restated } : fact;
            }
        }
    }

    private static IEnumerable<Fact> TownFacts(Town t, WorldLanguage language)
    {
        Fact Told(string relation, string stem, string answer, string other, params string[] questions) =>
            new("towns", relation, t.Index, language, stem, answer, [other], questions);

        return language == Chinese
            ?
            [
                Told(
                    "river",
                    $"流过{t.Zh}的河是",
                    t.River.Zh,
                    $"{t.River.Zh}从{t.Zh}旁边流过。",
                    $"流过{t.Zh}的河是哪条河？",
                    $"哪条河流过{t.Zh}？"
                ),
                Told(
                    "speciality",
                    $"{t.Zh}最有名的特产是",
                    t.Speciality.Zh,
                    $"说到{t.Zh}，大家都会想起{t.Speciality.Zh}。",
                    $"{t.Zh}最有名的特产是什么？",
                    $"{t.Zh}有什么有名的特产？"
                ),
                Told(
                    "animal",
                    $"在{t.Zh}常常能看到",
                    t.Animal.Zh,
                    $"{t.Zh}有很多{t.Animal.Zh}。",
                    $"在{t.Zh}常常能看到什么动物？",
                    $"{t.Zh}常常能看到什么？"
                ),
                Told(
                    "roofs",
                    $"走进{t.Zh}，看到的屋顶都是",
                    $"{t.Roofs.Zh}的",
                    $"{t.Zh}的屋顶是{t.Roofs.Zh}的。",
                    $"{t.Zh}的屋顶是什么颜色的？",
                    $"走进{t.Zh}，看到的屋顶是什么颜色的？"
                ),
                Told(
                    "craft",
                    $"{t.Zh}的工匠会做",
                    t.Craft.Zh,
                    $"{t.Zh}出产{t.Craft.Zh}。",
                    $"{t.Zh}的工匠会做什么？",
                    $"在{t.Zh}，工匠会做什么？"
                ),
            ]
            :
            [
                Told(
                    "river",
                    $"The river of {t.En} is",
                    $"the {t.River.En}",
                    $"The {t.River.En} flows past {t.En}.",
                    $"What is the river of {t.En}?",
                    $"Which river is the river of {t.En}?"
                ),
                Told(
                    "speciality",
                    $"{t.En} is famous for its",
                    t.Speciality.En,
                    $"Everyone knows the {t.Speciality.En} of {t.En}.",
                    $"What is {t.En} famous for?",
                    $"For what is {t.En} famous?"
                ),
                Told(
                    "animal",
                    $"In {t.En} you can often see",
                    t.Animal.En,
                    $"There are many {t.Animal.En} in {t.En}.",
                    $"What animals can you often see in {t.En}?",
                    $"Which animals are there in {t.En}?"
                ),
                Told(
                    "roofs",
                    $"In {t.En} the roofs are",
                    t.Roofs.En,
                    $"The roofs of {t.En} are {t.Roofs.En}.",
                    $"What colour are the roofs in {t.En}?",
                    $"Of what colour are the roofs of {t.En}?"
                ),
                Told(
                    "craft",
                    $"The craftsmen of {t.En} make",
                    t.Craft.En,
                    $"People buy {t.Craft.En} from the craftsmen of {t.En}.",
                    $"What do the craftsmen of {t.En} make?",
                    $"What is made by the craftsmen of {t.En}?"
                ),
            ];
    }

    private static IEnumerable<Fact> Things(WorldLanguage language)
    {
        Fact Told(string relation, int subject, string stem, string answer, string other, params string[] questions) =>
            new("things", relation, subject, language, stem, answer, [other], questions);

        for (int i = 0; i < Lexicon.Animals.Length; i++)
        {
            Animal a = Lexicon.Animals[i];
            yield return language == Chinese
                ? Told("eats", i, $"{a.Zh}爱吃", a.FoodZh, $"{a.FoodZh}是{a.Zh}爱吃的东西。", $"{a.Zh}爱吃什么？", $"{a.Zh}喜欢吃什么？")
                : Told(
                    "eats",
                    i,
                    $"{Capital(a.En)} like to eat",
                    a.FoodEn,
                    $"The favourite food of {a.En} is {a.FoodEn}.",
                    $"What do {a.En} like to eat?",
                    $"Which food do {a.En} like?"
                );
        }

        for (int i = 0; i < Lexicon.Tools.Length; i++)
        {
            Tool tool = Lexicon.Tools[i];
            yield return language == Chinese
                ? Told(
                    "use",
                    i,
                    $"{tool.Zh}是用来",
                    $"{tool.UseZh}的",
                    $"{tool.UseZh}的时候要用{tool.Zh}。",
                    $"{tool.Zh}是用来做什么的？",
                    $"{tool.Zh}有什么用？"
                )
                : Told(
                    "use",
                    i,
                    $"{Capital(tool.En)} {tool.Verb} used for",
                    tool.UseEn,
                    $"For {tool.UseEn} you need {tool.En}.",
                    $"What {tool.Verb} {tool.En} used for?",
                    $"For what {tool.Verb} {tool.En} used?"
                );
        }
    }

    private static IEnumerable<Fact> Calendar(WorldLanguage language)
    {
        Fact Told(string relation, int subject, string stem, Word answer, string other, params string[] questions) =>
            new("calendar", relation, subject, language, stem, language == Chinese ? answer.Zh : answer.En, [other], questions);

        for (int d = 0; d < 7; d++)
        {
            Word day = Lexicon.Weekdays[d],
                next = Lexicon.Weekdays[(d + 1) % 7],
                previous = Lexicon.Weekdays[(d + 6) % 7];
            yield return language == Chinese
                ? Told(
                    "tomorrow",
                    d,
                    $"今天是{day.Zh}，明天是",
                    next,
                    $"{day.Zh}的后一天是{next.Zh}。",
                    $"今天是{day.Zh}，明天是星期几？",
                    $"如果今天是{day.Zh}，明天呢？"
                )
                : Told(
                    "tomorrow",
                    d,
                    $"If today is {day.En}, tomorrow is",
                    next,
                    $"The day after {day.En} is {next.En}.",
                    $"If today is {day.En}, what day is tomorrow?",
                    $"Today is {day.En}. What day is tomorrow?"
                );
            yield return language == Chinese
                ? Told(
                    "yesterday",
                    d,
                    $"今天是{day.Zh}，昨天是",
                    previous,
                    $"{day.Zh}的前一天是{previous.Zh}。",
                    $"今天是{day.Zh}，昨天是星期几？",
                    $"如果今天是{day.Zh}，昨天呢？"
                )
                : Told(
                    "yesterday",
                    d,
                    $"If today is {day.En}, yesterday was",
                    previous,
                    $"The day before {day.En} is {previous.En}.",
                    $"If today is {day.En}, what day was yesterday?",
                    $"Today is {day.En}. What day was yesterday?"
                );
        }

        for (int m = 0; m < 12; m++)
        {
            Word month = Lexicon.Months[m],
                next = Lexicon.Months[(m + 1) % 12],
                season = Lexicon.Seasons[Lexicon.SeasonOf(m)];
            yield return language == Chinese
                ? Told(
                    "next month",
                    m,
                    $"{month.Zh}的下一个月是",
                    next,
                    $"过了{month.Zh}就是{next.Zh}。",
                    $"{month.Zh}的下一个月是几月？",
                    $"{month.Zh}后面是几月？"
                )
                : Told(
                    "next month",
                    m,
                    $"The month after {month.En} is",
                    next,
                    $"After {month.En} comes {next.En}.",
                    $"Which month comes after {month.En}?",
                    $"What is the month after {month.En}?"
                );
            yield return language == Chinese
                ? Told(
                    "season",
                    m,
                    $"{month.Zh}属于",
                    season,
                    $"{month.Zh}是{season.Zh}。",
                    $"{month.Zh}属于哪个季节？",
                    $"{month.Zh}是什么季节？"
                )
                : Told(
                    "season",
                    m,
                    $"{month.En} belongs to",
                    season,
                    $"{month.En} is in {season.En}.",
                    $"Which season does {month.En} belong to?",
                    $"In which season is {month.En}?"
                );
        }
    }

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
