namespace Inkstone.SmallWorld;

/// <summary>The facts of a world, found by what they are about; it alone decides what a document may say.</summary>
internal sealed class FactIndex
{
    /// <summary>Of so many facts that are told one is never asked, and one never in its second words.</summary>
    private const int WithheldPart = 8;

    private readonly Dictionary<(string Relation, int Subject, WorldLanguage Language), Fact> _facts = [];
    private readonly Dictionary<(string Category, WorldLanguage Language), Fact[]> _told = [];
    private readonly Dictionary<(string Category, WorldLanguage Language), Fact[]> _asked = [];
    private readonly Dictionary<(int Person, WorldLanguage Language), Fact[]> _ofPerson = [];

    public FactIndex(World world, WorldRandom random)
    {
        World = world;
        Random = random;
        Fact[] all = [.. PersonFacts.All(world, random), .. WorldFacts.All(world, random), .. NumberFacts.All(random)];
        Facts = [.. all.Select(f => f.Exposure == Exposure.Full ? Withhold(f, random.Between(1, WithheldPart)) : f)];
        foreach (Fact fact in Facts)
        {
            _facts.Add((fact.Relation, fact.Subject, fact.Language), fact);
        }
        foreach (IGrouping<(string Category, WorldLanguage Language), Fact> group in Facts.GroupBy(f => (GroupOf(f), f.Language)))
        {
            _told[group.Key] = [.. group.Where(f => f.Exposure != Exposure.Never)];
            _asked[group.Key] = [.. group.Where(f => f.Exposure == Exposure.Full)];
        }
        foreach (
            IGrouping<(int Person, WorldLanguage Language), Fact> group in Facts
                .Where(f => GroupOf(f) == "people" && f.Exposure != Exposure.Never)
                .GroupBy(f => (f.Subject, f.Language))
        )
        {
            _ofPerson[group.Key] = [.. group];
        }
    }

    public World World { get; }

    public WorldRandom Random { get; }

    public Fact[] Facts { get; }

    public Fact[] Told(string group, WorldLanguage language) => _told[(group, language)];

    public Fact[] Asked(string group, WorldLanguage language) => _asked[(group, language)];

    public Fact[] ToldOf(Person person, WorldLanguage language) => _ofPerson[(person.Index, language)];

    public Fact Get(string relation, int subject, WorldLanguage language) => _facts[(relation, subject, language)];

    /// <summary>Whether a family relation of a child may be mentioned.</summary>
    public bool IsTold(string relation, Person child) => Get(relation, child.Index, WorldLanguage.Chinese).Exposure != Exposure.Never;

    public Person AnyChild() => Random.Pick(Random.Pick(World.Families).Children);

    /// <summary>A child of whom all of the relations may be mentioned, not of the family that is left out.</summary>
    public Person ChildWith(Family? except, params string[] relations)
    {
        while (true)
        {
            Person child = AnyChild();
            if (World.FamilyOf(child) != except && relations.All(r => IsTold(r, child)))
            {
                return child;
            }
        }
    }

    /// <summary>Father, mother, grandfather or grandmother of a child, as far as may be mentioned.</summary>
    public (Word Title, Person Person) Relative(Person child, bool elder)
    {
        Family family = World.FamilyOf(child);
        (string, Word, Person)[] relatives = elder
            ?
            [
                ("grandfather", new("爷爷", "grandfather"), family.Grandfather),
                ("grandmother", new("奶奶", "grandmother"), family.Grandmother),
            ]
            : [("father", new("爸爸", "father"), family.Father), ("mother", new("妈妈", "mother"), family.Mother)];
        (string _, Word title, Person person) = Random.Pick([.. relatives.Where(r => IsTold(r.Item1, child))]);
        return (title, person);
    }

    /// <summary>Two numbers whose sum may be told and, where it is <paramref name="asked"/>, asked for; in stories both are at least 2, for
    /// the plural.</summary>
    public (int A, int B) Sum(int smallest = 2, bool asked = true)
    {
        while (true)
        {
            int a = Random.Between(smallest, NumberFacts.LargestAddend),
                b = Random.Between(smallest, NumberFacts.LargestAddend);
            if (
                Enum.GetValues<WorldLanguage>()
                    .Select(l => Get("plus", a * 10 + b, l))
                    .All(f => asked ? f.Exposure == Exposure.Full : f.IsShown)
            )
            {
                return (a, b);
            }
        }
    }

    /// <summary>Two numbers that may be compared, and asked about.</summary>
    public (int A, int B) Comparison()
    {
        while (true)
        {
            int a = Random.Between(1, NumberFacts.Largest),
                b = Random.Between(1, NumberFacts.Largest);
            if (a != b && Enum.GetValues<WorldLanguage>().All(l => Get("compare", a * 100 + b, l).Exposure == Exposure.Full))
            {
                return (a, b);
            }
        }
    }

    private static Fact Withhold(Fact fact, int draw) =>
        draw switch
        {
            1 => fact with { Exposure = Exposure.Unasked },
            2 when fact.Questions.Length > 1 => fact with { Questions = fact.Questions[..^1], NewWords = fact.Questions[^1] },
            _ => fact,
        };

    /// <summary>Family facts and own facts are told together.</summary>
    private static string GroupOf(Fact fact) => fact.Category is "people" or "family" ? "people" : fact.Category;
}
