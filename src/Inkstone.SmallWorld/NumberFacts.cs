using static Inkstone.SmallWorld.WorldLanguage;

namespace Inkstone.SmallWorld;

/// <summary>
/// Sums of digits, neighbours and comparisons of numbers. What is held out is never shown in either language: a sum a + b whose
/// b + a is told, a neighbour that is told as one more or one less and stands in counted rows, a comparison whose numbers are compared
/// with others.
/// </summary>
internal static class NumberFacts
{
    /// <summary>Numbers that are added reach from 1 to this one.</summary>
    public const int LargestAddend = 6;

    /// <summary>Neighbours and comparisons reach from 1 to this number.</summary>
    public const int Largest = 15;

    public static IEnumerable<Fact> All(WorldRandom random)
    {
        HashSet<(int, int)> sums = HeldOutSums(random, 6);
        HashSet<(int, int)> comparisons = HeldOutComparisons(random, 6);
        HashSet<int> followers = [.. random.Some([.. Enumerable.Range(2, Largest - 3)], 3)];
        HashSet<int> predecessors = [.. random.Some([.. Enumerable.Range(3, Largest - 3)], 3)];
        Exposure Show(bool heldOut) => heldOut ? Exposure.Never : Exposure.Full;

        foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
        {
            for (int a = 1; a <= LargestAddend; a++)
            {
                for (int b = 1; b <= LargestAddend; b++)
                {
                    yield return Sum(a, b, language) with
                    {
                        Exposure = Show(sums.Contains((a, b))),
                    };
                }
            }

            for (int n = 1; n < Largest; n++)
            {
                yield return After(n, language) with
                {
                    Exposure = Show(followers.Contains(n)),
                };
                yield return Before(n + 1, language) with
                {
                    Exposure = Show(predecessors.Contains(n + 1)),
                };
                yield return OneMore(n, language);
                yield return OneLess(n + 1, language);
            }

            for (int a = 1; a <= Largest; a++)
            {
                for (int b = 1; b <= Largest; b++)
                {
                    if (a != b)
                    {
                        yield return Compare(a, b, language) with
                        {
                            Exposure = Show(comparisons.Contains((Math.Min(a, b), Math.Max(a, b)))),
                        };
                    }
                }
            }
        }
    }

    private static Fact Sum(int a, int b, WorldLanguage language) =>
        language == Chinese
            ? new(
                "addition",
                "plus",
                a * 10 + b,
                language,
                $"{a}加{b}等于",
                $"{a + b}",
                [$"{a}加上{b}一共是{a + b}。"],
                [$"{a}加{b}等于多少？", $"{a}加{b}是几？"]
            )
            : new(
                "addition",
                "plus",
                a * 10 + b,
                language,
                $"{a} plus {b} is",
                $"{a + b}",
                [$"{a} and {b} make {a + b}."],
                [$"What is {a} plus {b}?", $"How much is {a} plus {b}?"]
            );

    private static Fact After(int n, WorldLanguage language) =>
        language == Chinese
            ? new("counting", "after", n, language, $"{n}后面的数是", $"{n + 1}", [], [$"{n}后面的数是多少？", $"{n}后面是哪个数？"])
            : new(
                "counting",
                "after",
                n,
                language,
                $"After {n} comes",
                $"{n + 1}",
                [],
                [$"Which number comes after {n}?", $"What comes after {n}?"]
            );

    private static Fact Before(int n, WorldLanguage language) =>
        language == Chinese
            ? new("counting", "before", n, language, $"{n}前面的数是", $"{n - 1}", [], [$"{n}前面的数是多少？", $"{n}前面是哪个数？"])
            : new(
                "counting",
                "before",
                n,
                language,
                $"Before {n} comes",
                $"{n - 1}",
                [],
                [$"Which number comes before {n}?", $"What comes before {n}?"]
            );

    private static Fact OneMore(int n, WorldLanguage language) =>
        language == Chinese
            ? new("counting", "one more", n, language, $"比{n}多1的数是", $"{n + 1}", [], [$"比{n}多1的数是多少？", $"哪个数比{n}多1？"])
            : new(
                "counting",
                "one more",
                n,
                language,
                $"One more than {n} is",
                $"{n + 1}",
                [],
                [$"What is one more than {n}?", $"Which number is one more than {n}?"]
            );

    private static Fact OneLess(int n, WorldLanguage language) =>
        language == Chinese
            ? new("counting", "one less", n, language, $"比{n}少1的数是", $"{n - 1}", [], [$"比{n}少1的数是多少？", $"哪个数比{n}少1？"])
            : new(
                "counting",
                "one less",
                n,
                language,
                $"One less than {n} is",
                $"{n - 1}",
                [],
                [$"What is one less than {n}?", $"Which number is one less than {n}?"]
            );

    private static Fact Compare(int a, int b, WorldLanguage language) =>
        language == Chinese
            ? new(
                "comparison",
                "compare",
                a * 100 + b,
                language,
                $"和{b}相比，{a}更",
                a > b ? "大" : "小",
                [$"{a}比{b}{(a > b ? "大" : "小")}。"],
                [$"和{b}相比，{a}是更大还是更小？", $"和{b}相比，{a}怎么样？"]
            )
            : new(
                "comparison",
                "compare",
                a * 100 + b,
                language,
                $"Compared with {b}, {a} is",
                a > b ? "larger" : "smaller",
                [$"{a} is {(a > b ? "larger" : "smaller")} than {b}."],
                [$"Compared with {b}, is {a} larger or smaller?", $"Is {a} larger or smaller than {b}?"]
            );

    private static HashSet<(int, int)> HeldOutSums(WorldRandom random, int count)
    {
        // Never a + b and b + a together, so that each held-out sum follows from its mirror.
        List<(int, int)> pairs = [];
        for (int a = 1; a <= LargestAddend; a++)
        {
            for (int b = a + 1; b <= LargestAddend; b++)
            {
                pairs.Add(random.OneIn(2) ? (a, b) : (b, a));
            }
        }
        return [.. random.Some(pairs, count)];
    }

    private static HashSet<(int, int)> HeldOutComparisons(WorldRandom random, int count)
    {
        HashSet<(int, int)> pairs = [];
        while (pairs.Count < count)
        {
            int a = random.Between(1, Largest),
                b = random.Between(1, Largest);
            if (a < b)
            {
                pairs.Add((a, b));
            }
        }
        return pairs;
    }
}
