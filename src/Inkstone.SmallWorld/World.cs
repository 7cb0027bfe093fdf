namespace Inkstone.SmallWorld;

internal enum Generation
{
    Grandparent,
    Parent,
    Child,
}

/// <summary>Someone of the small world. Parents have a job, the others a hobby.</summary>
internal sealed record Person(
    int Index,
    string Zh,
    string En,
    bool IsFemale,
    Generation Generation,
    int Age,
    Word Food,
    Job? Job,
    Word? Hobby
)
{
    public string HeZh => IsFemale ? "她" : "他";

    public string He => IsFemale ? "she" : "he";

    public string His => IsFemale ? "her" : "his";

    public string Him => IsFemale ? "her" : "him";

    public string HeCapital => IsFemale ? "She" : "He";

    public string Name(WorldLanguage language) => language == WorldLanguage.Chinese ? Zh : En;
}

/// <summary>A family under one roof: the father's parents, the parents, three children, an animal.</summary>
internal sealed record Family(
    int Index,
    Word Name,
    Town Town,
    Animal Pet,
    Person Grandfather,
    Person Grandmother,
    Person Father,
    Person Mother,
    Person[] Children
)
{
    public IEnumerable<Person> Members => [Grandfather, Grandmother, Father, Mother, .. Children];
}

/// <summary>A town and what it is known for.</summary>
internal sealed record Town(int Index, string Zh, string En, Word River, Word Speciality, Word Animal, Word Roofs, Word Craft);

/// <summary>The people and towns that a seed makes: some of the families and towns that have names.</summary>
internal sealed class World
{
    public World(WorldRandom random, int familyCount)
    {
        Towns = MakeTowns(random, familyCount);
        Families = MakeFamilies(random, Towns);
        People = [.. Families.SelectMany(f => f.Members).OrderBy(p => p.Index)];
    }

    public Town[] Towns { get; }

    public Family[] Families { get; }

    public Person[] People { get; }

    public Family FamilyOf(Person person) => Families[person.Index / 7];

    private static Town[] MakeTowns(WorldRandom random, int count)
    {
        Word[] rivers = random.Shuffled(Lexicon.Rivers),
            specialities = random.Shuffled(Lexicon.Specialities),
            animals = random.Shuffled(Lexicon.WildAnimals);
        Word[] colours = random.Shuffled(Lexicon.Colours),
            crafts = random.Shuffled(Lexicon.Crafts);
        return
        [
            .. random
                .Some(Lexicon.Towns, count)
                .Select((name, i) => new Town(i, name.Zh, name.En, rivers[i], specialities[i], animals[i], colours[i], crafts[i])),
        ];
    }

    private static Family[] MakeFamilies(WorldRandom random, Town[] towns)
    {
        Word[] grandfathers = random.Shuffled(Lexicon.Grandfathers),
            grandmothers = random.Shuffled(Lexicon.Grandmothers);
        Word[] fathers = random.Shuffled(Lexicon.Fathers),
            mothers = random.Shuffled(Lexicon.Mothers);
        Word[] boys = random.Shuffled(Lexicon.Boys),
            girls = random.Shuffled(Lexicon.Girls);
        Job[] jobs = random.Shuffled([Lexicon.Teacher, .. random.Some(Lexicon.Jobs[1..], 2 * towns.Length - 1)]);
        Town[] homes = random.Shuffled(towns);
        Animal[] pets = random.Shuffled(Lexicon.Animals);

        int index = 0,
            boy = 0,
            girl = 0;
        Person Someone(Word name, bool isFemale, Generation generation, int age, Job? job, Word? hobby) =>
            new(index++, name.Zh, name.En, isFemale, generation, age, random.Pick(Lexicon.Foods), job, hobby);

        return
        [
            .. random
                .Some(Lexicon.FamilyNames, towns.Length)
                .Select(
                    (family, i) =>
                    {
                        Word Full(Word given) => new(family.Zh + given.Zh, $"{family.En} {given.En}");
                        Person Child(int age) =>
                            random.Next(24 - boy - girl) < 12 - boy
                                ? Someone(Full(boys[boy++]), false, Generation.Child, age, null, random.Pick(Lexicon.ChildHobbies))
                                : Someone(Full(girls[girl++]), true, Generation.Child, age, null, random.Pick(Lexicon.ChildHobbies));

                        Person grandfather = Someone(
                            Full(grandfathers[i]),
                            false,
                            Generation.Grandparent,
                            random.Between(66, 74),
                            null,
                            random.Pick(Lexicon.ElderHobbies)
                        );
                        Person grandmother = Someone(
                            grandmothers[i],
                            true,
                            Generation.Grandparent,
                            random.Between(62, 70),
                            null,
                            random.Pick(Lexicon.ElderHobbies)
                        );
                        Person father = Someone(Full(fathers[i]), false, Generation.Parent, random.Between(37, 43), jobs[2 * i], null);
                        Person mother = Someone(mothers[i], true, Generation.Parent, random.Between(35, 41), jobs[2 * i + 1], null);
                        Person[] children = [Child(random.Between(11, 13)), Child(random.Between(8, 10)), Child(random.Between(5, 7))];
                        return new Family(i, family, homes[i], pets[i], grandfather, grandmother, father, mother, children);
                    }
                ),
        ];
    }
}
