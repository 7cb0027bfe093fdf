using static Inkstone.Data.WorldLanguage;

namespace Inkstone.Data;

/// <summary>
/// Sums of digits, neighbours and comparisons of numbers. What is held out is never shown in either language: a sum a + b whose
/// b + a is told, a neighbour that stands in every counted row, a comparison whose numbers are compared with others.
/// </summary>
internal static class NumberFacts
{
    /// <summary>Numbers that are added reach from 1 to this one.</summary>
    public const int LargestAddend = 6;

    /// <summary>Neighbours and comparisons reach from 1 to this number.</summary>
    public const int Largest = 20;

    public static IEnumerable<Fact> All(WorldRandom random)
    {
        HashSet<(int, int)> sums = HeldOutSums(random, 6);
        HashSet<(int, int)> comparisons = HeldOutComparisons(random, 12);
        HashSet<int> followers = [.. random.Some([.. Enumerable.Range(2, Largest - 3)], 5)];
        HashSet<int> predecessors = [.. random.Some([.. Enumerable.Range(3, Largest - 3)], 5)];
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
            }

            for (int a = 1; a <= Largest; a++)
                for (int b = 1; b <= Largest; b++)
                    if (a != b) yield return Larger(a, b, language, Show(comparisons.Contains((Math.Min(a, b), Math.Max(a, b)))));
        }
    }

    private static Fact Sum(int a, int b, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("addition", "plus", a * 10 + b, language, exposure, [$"{a}加{b}等于{a + b}。", $"{a}加上{b}一共是{a + b}。"], [$"{a}加{b}等于多少？"], $"{a + b}")
        : new("addition", "plus", a * 10 + b, language, exposure, [$"{a} plus {b} is {a + b}.", $"{a} and {b} make {a + b}."], [$"What is {a} plus {b}?"], $"{a + b}");

    private static Fact After(int n, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("counting", "after", n, language, exposure, [$"{n}后面的数是{n + 1}。", $"比{n}多1的数是{n + 1}。"], [$"{n}后面的数是多少？"], $"{n + 1}")
        : new("counting", "after", n, language, exposure, [$"The number after {n} is {n + 1}.", $"One more than {n} is {n + 1}."], [$"Which number comes after {n}?"], $"{n + 1}");

    private static Fact Before(int n, WorldLanguage language, Exposure exposure) => language == Chinese
        ? new("counting", "before", n, language, exposure, [$"{n}前面的数是{n - 1}。", $"比{n}少1的数是{n - 1}。"], [$"{n}前面的数是多少？"], $"{n - 1}")
        : new("counting", "before", n, language, exposure, [$"The number before {n} is {n - 1}.", $"One less than {n} is {n - 1}."], [$"Which number comes before {n}?"], $"{n - 1}");

    private static Fact Larger(int a, int b, WorldLanguage language, Exposure exposure)
    {
        int large = Math.Max(a, b), small = Math.Min(a, b);
        return language == Chinese
            ? new("comparison", "larger", a * 100 + b, language, exposure, [$"{large}比{small}大。", $"{small}比{large}小。"], [$"{a}和{b}，哪个大？"], $"{large}")
            : new("comparison", "larger", a * 100 + b, language, exposure, [$"{large} is larger than {small}.", $"{small} is smaller than {large}."], [$"Which is larger, {a} or {b}?"], $"{large}");
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
