using static Inkstone.SmallWorld.WorldLanguage;

namespace Inkstone.SmallWorld;

/// <summary>Documents that ask: rows of questions and answers, the teacher's quiz, two children who meet.</summary>
internal sealed class DialogueTemplates(FactIndex facts)
{
    private static readonly string[] Groups =
    [
        "people",
        "people",
        "people",
        "people",
        "addition",
        "addition",
        "counting",
        "comparison",
        "calendar",
        "calendar",
        "towns",
        "towns",
        "things",
    ];
    private readonly WorldRandom _random = facts.Random;

    public string Questions(WorldLanguage language)
    {
        string? group = _random.OneIn(2) ? _random.Pick(Groups) : null;
        List<string> lines = [];
        for (int i = _random.Between(5, 9); i > 0; i--)
        {
            Fact fact = _random.Pick(facts.Asked(group ?? _random.Pick(Groups), language));
            string question = _random.Pick(fact.Questions);
            lines.Add(language == Chinese ? $"问：{question}\n答：{fact.Sentence}" : $"Q: {question}\nA: {fact.Sentence}");
        }
        return string.Join('\n', lines);
    }

    public string Quiz(WorldLanguage language)
    {
        string teacher = facts.World.People.First(p => p.Job == Lexicon.Teacher).Name(language);
        string[] praise =
            language == Chinese ? ["对！", "很好！", "说得对！", "真棒！"] : ["Right!", "Very good!", "That is right!", "Well done!"];
        string separator = language == Chinese ? "：" : ": ",
            gap = language == Chinese ? "" : " ";
        List<string> lines =
        [
            language == Chinese
                ? $"上课了，{teacher}老师问大家问题。"
                : $"The lesson begins and {teacher} asks the children some questions.",
        ];
        for (int i = _random.Between(4, 6); i > 0; i--)
        {
            Fact fact = _random.Pick(facts.Asked(_random.Pick(Groups), language));
            // Nobody is asked about themselves in the third person.
            string child = facts
                .ChildWith(facts.World.FamilyOf(facts.World.People[fact.Subject % facts.World.People.Length]))
                .Name(language);
            string opening = lines.Count > 1 ? _random.Pick(praise) + gap : "";
            lines.Add(teacher + separator + opening + _random.Pick(fact.Questions));
            lines.Add(child + separator + fact.Sentence);
        }
        lines.Add(teacher + separator + (language == Chinese ? "今天的课就上到这里，再见！" : "That is all for today. Goodbye!"));
        return string.Join('\n', lines);
    }

    public string Meeting(WorldLanguage language)
    {
        Person asks = facts.AnyChild(),
            answers = facts.ChildWith(facts.World.FamilyOf(asks));
        Family family = facts.World.FamilyOf(answers);
        string separator = language == Chinese ? "：" : ": ";
        List<(string, string)> turns = [];
        void Ask(string relation, string zhQuestion, string zhAnswer, string enQuestion, string enAnswer)
        {
            if (facts.Get(relation, answers.Index, language).Exposure == Exposure.Full)
            {
                turns.Add(language == Chinese ? (zhQuestion, zhAnswer) : (enQuestion, enAnswer));
            }
        }

        Ask("age", "你今年几岁？", $"我今年{answers.Age}岁。", "How old are you?", $"I am {answers.Age} years old.");
        Ask("food", "你最喜欢吃什么？", $"我最喜欢吃{answers.Food.Zh}。", "What is your favourite food?", $"I love {answers.Food.En}.");
        Ask("hobby", "你的爱好是什么？", $"我的爱好是{answers.Hobby!.Zh}。", "What is your hobby?", $"I like {answers.Hobby.En}.");
        Ask("town", "你住在哪里？", $"我住在{family.Town.Zh}。", "Where do you live?", $"I live in {family.Town.En}.");
        Ask(
            "pet",
            "你家里养着什么？",
            $"我家里养着{family.Pet.Measure}{family.Pet.Zh}。",
            "What animal do you have at home?",
            $"I have {family.Pet.Pet} at home."
        );
        Ask("mother", "你的妈妈是谁？", $"我的妈妈是{family.Mother.Zh}。", "Who is your mother?", $"My mother is {family.Mother.En}.");
        Ask("father", "你的爸爸是谁？", $"我的爸爸是{family.Father.Zh}。", "Who is your father?", $"My father is {family.Father.En}.");

        string a = asks.Name(language),
            b = answers.Name(language);
        List<string> lines =
            language == Chinese
                ? [$"{a}：你好！你叫什么名字？", $"{b}：你好！我叫{b}。"]
                : [$"{a}: Hello! What is your name?", $"{b}: Hello! My name is {b}."];
        foreach ((string question, string answer) in _random.Some(turns, 4))
        {
            lines.Add(a + separator + question);
            lines.Add(b + separator + answer);
        }
        lines.Add(a + separator + (language == Chinese ? "认识你真高兴，再见！" : "It was nice to meet you. Goodbye!"));
        lines.Add(b + separator + (language == Chinese ? "再见！" : "Goodbye!"));
        return string.Join('\n', lines);
    }
}
