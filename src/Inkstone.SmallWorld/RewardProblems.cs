namespace Inkstone.SmallWorld;

/// <summary>
/// Problems whose answers a program can judge, for learning by rewards: sums, and broken JSON to mend. They and their order are the same
/// whatever the world's seed is, so that figures of held-out ones compare.
/// </summary>
internal static class RewardProblems
{
    /// <summary>The last problems are held out to choose by, those before them to measure.</summary>
    public const int Valid = 200,
        Test = 600;

    private const int Below = 50,
        Repairs = 3800;

    private static readonly string[] Names =
    [
        "Ann",
        "Ben",
        "Chen",
        "Dora",
        "Emil",
        "Fang",
        "Gus",
        "Hana",
        "Ida",
        "Jun",
        "Kai",
        "Lin",
        "Mia",
        "Ned",
        "Olga",
        "Pia",
    ];

    private static readonly string[] Items = ["cup", "lamp", "pen", "book", "chair", "bowl", "map", "key"];

    /// <summary>All sums of two numbers below 50, and all differences that are not below 0.</summary>
    public static (string Question, string Answer)[] Sums()
    {
        List<(string, string)> all = [];
        for (int a = 0; a < Below; a++)
        {
            for (int b = 0; b < Below; b++)
            {
                all.Add(($"What is {a} + {b}?", $"{a + b}"));
                if (b <= a)
                {
                    all.Add(($"What is {a} - {b}?", $"{a - b}"));
                }
            }
        }
        return new WorldRandom(1).Shuffled(all);
    }

    /// <summary>Objects of JSON, each once, in which one mark is missing or stands twice.</summary>
    public static (string Question, string Answer)[] Broken()
    {
        WorldRandom random = new(2);
        HashSet<string> whole = [];
        while (whole.Count < Repairs)
        {
            whole.Add(
                random.OneIn(2)
                    ? $"{{\"name\": \"{random.Pick(Names)}\", \"age\": {random.Between(1, 99)}, \"here\": {(random.OneIn(2) ? "true" : "false")}}}"
                    : $"{{\"item\": \"{random.Pick(Items)}\", \"count\": {random.Between(1, 999)}}}"
            );
        }
        return [.. whole.Select(json => ($"Repair this JSON: {Break(json, random)}", json))];
    }

    private static string Break(string json, WorldRandom random)
    {
        int[] marks = [.. Enumerable.Range(0, json.Length).Where(i => "{}:,\"".Contains(json[i]))];
        int at = random.Pick(marks);
        return random.OneIn(3) ? json.Insert(at, json[at..(at + 1)]) : json.Remove(at, 1);
    }
}
