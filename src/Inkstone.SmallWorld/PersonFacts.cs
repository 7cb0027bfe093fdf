using static Inkstone.SmallWorld.WorldLanguage;

namespace Inkstone.SmallWorld;

/// <summary>
/// What is told of people. For each child two of the six family relations are never told: they follow from the brothers, the
/// sisters and the family. Of the own facts (age, food, job, hobby) every fifth is told in other words only.
/// </summary>
internal static class PersonFacts
{
    public static IEnumerable<Fact> All(World world, WorldRandom random)
    {
        foreach (Person person in world.People)
        {
            foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
            {
                foreach (Fact fact in OwnFacts(person, language))
                {
                    yield return random.OneIn(5) ? fact with { Exposure = Exposure.Restated } : fact;
                }
            }
        }

        foreach (Family family in world.Families)
        {
            for (int c = 0; c < family.Children.Length; c++)
            {
                foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
                {
                    Fact[] facts = [.. FamilyFacts(family, family.Children[c], language)];
                    for (int r = 0; r < facts.Length; r++)
                    {
                        yield return (family.Index + r) % family.Children.Length == c
                            ? facts[r] with
                            {
                                Exposure = Exposure.Never,
                            }
                            : facts[r];
                    }
                }
            }
        }
    }

    private static IEnumerable<Fact> OwnFacts(Person p, WorldLanguage language)
    {
        Fact Own(string relation, string stem, string answer, string other, string question, string otherQuestion) =>
            new("people", relation, p.Index, language, stem, answer, [other], [question, otherQuestion]);

        if (language == Chinese)
        {
            yield return Own(
                "age",
                $"{p.Zh}的年龄是",
                $"{p.Age}岁",
                $"{p.Zh}今年{p.Age}岁。",
                $"{p.Zh}今年多大？",
                $"{p.Zh}的年龄是多少？"
            );
            yield return Own(
                "food",
                $"{p.Zh}最爱吃的是",
                p.Food.Zh,
                $"{p.Zh}最喜欢吃{p.Food.Zh}。",
                $"{p.Zh}最爱吃的是什么？",
                $"{p.Zh}最喜欢吃什么？"
            );
            if (p.Job is { } job)
            {
                yield return Own(
                    "job",
                    $"{p.Zh}的职业是",
                    job.Zh,
                    $"{p.Zh}是一名{job.Zh}。",
                    $"{p.Zh}的职业是什么？",
                    $"{p.Zh}是做什么工作的？"
                );
            }
            if (p.Hobby is { } hobby)
            {
                yield return Own(
                    "hobby",
                    $"{p.Zh}的爱好是",
                    hobby.Zh,
                    $"{p.Zh}喜欢{hobby.Zh}。",
                    $"{p.Zh}的爱好是什么？",
                    $"{p.Zh}喜欢做什么？"
                );
            }
            yield break;
        }

        yield return Own(
            "age",
            $"This year {p.En} is",
            $"{p.Age} years old",
            $"{p.En} is {p.Age} years old.",
            $"How old is {p.En} this year?",
            $"What is the age of {p.En}?"
        );
        yield return Own(
            "food",
            $"{p.En}'s favourite food is",
            p.Food.En,
            $"{p.En} loves {p.Food.En}.",
            $"What is {p.En}'s favourite food?",
            $"What food does {p.En} love?"
        );
        if (p.Job is { } work)
        {
            yield return Own(
                "job",
                $"{p.En} works as",
                work.En,
                $"{p.En} is {work.En}.",
                $"What does {p.En} work as?",
                $"What is {p.En}'s job?"
            );
        }
        if (p.Hobby is { } pastime)
        {
            yield return Own(
                "hobby",
                $"{p.En}'s hobby is",
                pastime.En,
                $"{p.En} likes {pastime.En}.",
                $"What is {p.En}'s hobby?",
                $"What does {p.En} like doing?"
            );
        }
    }

    private static IEnumerable<Fact> FamilyFacts(Family f, Person c, WorldLanguage language)
    {
        Fact Told(string relation, string stem, string answer, string[] others, params string[] questions) =>
            new("family", relation, c.Index, language, stem, answer, others, questions);

        Fact Relative(string relation, string zh, string en, Person relative) =>
            language == Chinese
                ? Told(
                    relation,
                    $"{c.Zh}的{zh}是",
                    relative.Zh,
                    [$"{relative.Zh}是{c.Zh}的{zh}。"],
                    $"{c.Zh}的{zh}是谁？",
                    $"谁是{c.Zh}的{zh}？"
                )
                : Told(
                    relation,
                    $"{c.En}'s {en} is",
                    relative.En,
                    [$"{relative.En} is the {en} of {c.En}.", $"The {en} of {c.En} is {relative.En}."],
                    $"Who is {c.En}'s {en}?",
                    $"Who is the {en} of {c.En}?"
                );

        yield return Relative("father", "爸爸", "father", f.Father);
        yield return Relative("mother", "妈妈", "mother", f.Mother);
        yield return Relative("grandfather", "爷爷", "grandfather", f.Grandfather);
        yield return Relative("grandmother", "奶奶", "grandmother", f.Grandmother);
        yield return language == Chinese
            ? Told("town", $"{c.Zh}住在", f.Town.Zh, [$"{c.Zh}的家在{f.Town.Zh}。"], $"{c.Zh}住在哪里？")
            : Told("town", $"{c.En} lives in", f.Town.En, [$"{c.En}'s home is in {f.Town.En}."], $"Where does {c.En} live?");
        yield return language == Chinese
            ? Told("pet", $"{c.Zh}家里养着", f.Pet.Measure + f.Pet.Zh, [$"{c.Zh}家养的动物是{f.Pet.Zh}。"], $"{c.Zh}家里养着什么？")
            : Told("pet", $"At home {c.En} has", f.Pet.Pet, [$"{c.En} has {f.Pet.Pet} at home."], $"What animal does {c.En} have at home?");
    }
}
