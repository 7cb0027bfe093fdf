namespace Inkstone.SmallWorld;

/// <summary>Short stories and letters in English that agree with the facts.</summary>
internal sealed class EnglishStoryTemplates(FactIndex facts)
{
    private readonly WorldRandom _random = facts.Random;

    public string Story() =>
        _random.Next(7) switch
        {
            0 => Market(),
            1 => VisitToTheElders(),
            2 => LostAnimal(),
            3 => VisitToAFriend(),
            4 => WorkingDay(),
            5 => NumberGame(),
            _ => Letter(),
        };

    private string Market()
    {
        Person c = facts.ChildWith(null, "town");
        (Word title, Person r) = facts.Relative(c, elder: false);
        Town t = facts.World.FamilyOf(c).Town;
        (int a, int b) = facts.Sum();
        string fruit = _random.Pick(Lexicon.Fruits).En;
        return $"On {_random.Pick(Lexicon.Weekdays).En} morning {c.En} went to the market with {c.His} {title.En} {r.En}. There were many people: some sold {t.Craft.En}, others sold {t.Speciality.En}. "
            + $"{c.En} loves {c.Food.En}, so {c.His} {title.En} bought some. First they picked {a} {fruit} and then {b} more, so they had {a + b} {fruit}. "
            + $"On the way home they walked along the {t.River.En} and saw {t.Animal.En}. \"What a fine day!\" said {c.En}.";
    }

    private string VisitToTheElders()
    {
        Person c = facts.AnyChild();
        (Word title, Person r) = facts.Relative(c, elder: true);
        int season = _random.Next(4);
        (int a, int b) = facts.Sum();
        return $"It is {Lexicon.Seasons[season].En}: {Lexicon.SeasonWeather[season].En}. After school {c.En} visits {c.His} {title.En} {r.En}. {r.En} is {r.Age} years old and likes {r.Hobby!.En}. "
            + $"\"What is {a} plus {b}?\" asks the {title.En}. {c.En} thinks for a moment and says, \"It is {a + b}.\" \"That is right!\" says the {title.En} with a smile. "
            + $"Then they eat {r.Food.En} together, because {r.En} loves {r.Food.En}.";
    }

    private string LostAnimal()
    {
        Person c = facts.ChildWith(null, "town", "pet");
        (Word title, Person r) = facts.Relative(c, elder: _random.OneIn(2));
        Family f = facts.World.FamilyOf(c);
        string pet = f.Pet.Pet[2..];
        return $"One morning {c.En} could not find the {pet}. \"Have you seen our {pet}?\" {c.He} asked {c.His} {title.En} {r.En}. \"No,\" said the {title.En}, \"but let us look for it together.\" "
            + $"First they went to the {f.Town.River.En}, but the {pet} was not there. Then they went to the workshop where the craftsmen make {f.Town.Craft.En}. "
            + $"There was the {pet}, eating {f.Pet.FoodEn} behind the {f.Town.Craft.En}! {c.En} was very happy and took the {pet} home.";
    }

    private string VisitToAFriend()
    {
        Person c = facts.ChildWith(null, "town");
        Person friend = facts.ChildWith(facts.World.FamilyOf(c), "town");
        Town home = facts.World.FamilyOf(c).Town,
            t = facts.World.FamilyOf(friend).Town;
        int day = _random.Next(7);
        return $"On {Lexicon.Weekdays[day].En} {c.En} took the bus to {t.En} to see {c.His} friend {friend.En}. The roofs of {t.En} are {t.Roofs.En}, and the {t.River.En} flows past {t.En}. "
            + $"{friend.En} gave {c.En} some of the {t.Speciality.En} of {t.En}. \"How tasty!\" said {c.En}. \"I live in {home.En}, which is famous for its {home.Speciality.En}. Come and see me!\" "
            + $"The next day was {Lexicon.Weekdays[(day + 1) % 7].En}, and {c.En} went home happily.";
    }

    private string WorkingDay()
    {
        bool ofFather = _random.OneIn(2);
        Person c = facts.ChildWith(null, ofFather ? "father" : "mother");
        Family f = facts.World.FamilyOf(c);
        Person p = ofFather ? f.Father : f.Mother;
        int day = _random.Next(5);
        return $"{p.En} is {p.Job!.En} and {p.Job.DoesEn}. On {Lexicon.Weekdays[day].En} {p.En} worked from morning till night and came home tired. "
            + $"{p.HeCapital} loves {p.Food.En}, so {p.His} {(c.IsFemale ? "daughter" : "son")} {c.En} brought {p.Him} some. "
            + $"\"Do you work tomorrow?\" asked {c.En}. \"Tomorrow is {Lexicon.Weekdays[day + 1].En},\" said {p.En}, \"{(day == 4 ? "so I can stay at home" : "so I go to work again")}.\"";
    }

    private string NumberGame()
    {
        Person a = facts.AnyChild(),
            b = facts.ChildWith(facts.World.FamilyOf(a));
        (int first, int second) = facts.Comparison();
        (int x, int y) = facts.Sum();
        string winner = first > second ? a.En : b.En;
        return $"{a.En} and {b.En} play a game of numbers, and the larger number wins. {a.En} draws {first} and {b.En} draws {second}. {Math.Max(first, second)} is larger than {Math.Min(first, second)}, so {winner} wins. "
            + $"Then they count their pebbles: {a.En} has {x}, {b.En} has {y}, and {x} plus {y} is {x + y}.";
    }

    private string Letter()
    {
        Person c = facts.ChildWith(null, "town", "pet");
        Person friend = facts.ChildWith(facts.World.FamilyOf(c));
        Family f = facts.World.FamilyOf(c);
        (Word title, Person r) = facts.Relative(c, elder: _random.OneIn(2));
        int month = _random.Next(12),
            season = Lexicon.SeasonOf(month);
        return $"Dear {friend.En},\nMy name is {c.En}. I am {c.Age} years old and I live in {f.Town.En}. I love {c.Food.En} and I like {c.Hobby!.En}. I have {f.Pet.Pet} at home, and it likes to eat {f.Pet.FoodEn}. "
            + $"My {title.En} is {r.En}. It is {Lexicon.Months[month].En} now, so it is {Lexicon.Seasons[season].En}: {Lexicon.SeasonWeather[season].En}. Come to {f.Town.En}, where you can often see {f.Town.Animal.En}.\nYour friend {c.En}";
    }
}
