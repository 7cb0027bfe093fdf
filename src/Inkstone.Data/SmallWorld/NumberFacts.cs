using static Inkstone.Data.WorldLanguage;

namespace Inkstone.Data;

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
                for (int b = 1; b <= LargestAddend; b++)
                    yield return Sum(a, b, language, Show(sums.Contains((a, b))));

            for (int n = 1; n < Largest; n++)
            {
                yield return After(n, language, Show(followers.Contains(n)));
                yield return Before(n + 1, language, Show(predecessors.Contains(n + 1)));
                yield return OneMore(n, language);
                yield return OneLess(n + 1, language);
            }

            for (int a = 1; a <= Largest; a++)
                for (int b = 1; b <= Largest; b++)
                    if (a != b) yield return Larger(a, b, language, Show(comparisons.Contains((Math.Min(a, b), Math.Max(a, b)))));
        }
    }

    private static Fact Sum(int a, int b, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("addition", "plus", a * 10 + b, language, exposure, [$"{a}加{b}等于{a + b}。", $"{a}加上{b}一共是{a + b}。"], [$"{a}加{b}等于多少？"])
        : new("addition", "plus", a * 10 + b, language, exposure, [$"{a} plus {b} is {a + b}.", $"{a} and {b} make {a + b}."], [$"What is {a} plus {b}?"]);

    private static Fact After(int n, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("counting", "after", n, language, exposure, [$"{n}后面的数是{n + 1}。"], [$"{n}后面的数是多少？"])
        : new("counting", "after", n, language, exposure, [$"After {n} comes {n + 1}.", $"The number after {n} is {n + 1}."], [$"Which number comes after {n}?"]);

    private static Fact Before(int n, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("counting", "before", n, language, exposure, [$"{n}前面的数是{n - 1}。"], [$"{n}前面的数是多少？"])
        : new("counting", "before", n, language, exposure, [$"Before {n} comes {n - 1}.", $"The number before {n} is {n - 1}."], [$"Which number comes before {n}?"]);

    private static Fact OneMore(int n, WorldLanguage language) => language == Chinese
        ? new("counting", "one more", n, language, Exposure.Full, [$"比{n}多1的数是{n + 1}。"], [$"比{n}多1的数是多少？"])
        : new("counting", "one more", n, language, Exposure.Full, [$"One more than {n} is {n + 1}."], [$"What is one more than {n}?"]);

    private static Fact OneLess(int n, WorldLanguage language) => language == Chinese
        ? new("counting", "one less", n, language, Exposure.Full, [$"比{n}少1的数是{n - 1}。"], [$"比{n}少1的数是多少？"])
        : new("counting", "one less", n, language, Exposure.Full, [$"One less than {n} is {n - 1}."], [$"What is one less than {n}?"]);

    private static Fact Larger(int a, int b, WorldLanguage language, Exposure exposure)
    {
        int large = Math.Max(a, b), small = Math.Min(a, b);
        return language == Chinese
            ? new("comparison", "larger", a * 100 + b, language, exposure, [$"{large}比{small}大。", $"{small}比{large}小。"], [$"{a}和{b}，哪个大？"])
            : new("comparison", "larger", a * 100 + b, language, exposure, [$"{large} is larger than {small}.", $"{small} is smaller than {large}."], [$"Which is larger, {a} or {b}?"]);
    }

    private static HashSet<(int, int)> HeldOutSums(WorldRandom random, int count)
    {
        // Never a + b and b + a together, so that each held-out sum follows from its mirror.
        List<(int, int)> pairs = [];
        for (int a = 1; a <= LargestAddend; a++)
            for (int b = a + 1; b <= LargestAddend; b++)
                pairs.Add(random.OneIn(2) ? (a, b) : (b, a));
        return [.. random.Some(pairs, count)];
    }

    private static HashSet<(int, int)> HeldOutComparisons(WorldRandom random, int count)
    {
        HashSet<(int, int)> pairs = [];
        while (pairs.Count < count)
        {
            int a = random.Between(1, Largest), b = random.Between(1, Largest);
            if (a < b) pairs.Add((a, b));
        }
        return pairs;
    }
}
