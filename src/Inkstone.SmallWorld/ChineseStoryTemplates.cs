namespace Inkstone.SmallWorld;

/// <summary>Short stories and letters in Chinese that agree with the facts.</summary>
internal sealed class ChineseStoryTemplates(FactIndex facts)
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
        string fruit = _random.Pick(Lexicon.Fruits).Zh,
            they = Plural(c, r);
        return $"{_random.Pick(Lexicon.Weekdays).Zh}的早上，{c.Zh}和{title.Zh}{r.Zh}一起去赶集。集市上人很多，有人卖{t.Craft.Zh}，也有人卖{t.Speciality.Zh}。"
            + $"{c.Zh}最喜欢吃{c.Food.Zh}，{title.Zh}就给{c.HeZh}买了一些。{they}先挑了{a}个{fruit}，又挑了{b}个，一共是{a + b}个。"
            + $"回家的路上，{they}走过{t.River.Zh}，看见了{t.Animal.Zh}。{c.Zh}说：“今天真开心！”";
    }

    private string VisitToTheElders()
    {
        Person c = facts.AnyChild();
        (Word title, Person r) = facts.Relative(c, elder: true);
        int season = _random.Next(4);
        (int a, int b) = facts.Sum();
        return $"{Lexicon.Seasons[season].Zh}到了，{Lexicon.SeasonWeather[season].Zh}。{c.Zh}放学以后去看{title.Zh}{r.Zh}。{r.Zh}今年{r.Age}岁，爱好是{r.Hobby!.Zh}。"
            + $"{title.Zh}问：“{a}加{b}等于多少？”{c.Zh}想了想，说：“等于{a + b}。”{title.Zh}笑着说：“说得对！”"
            + $"然后{title.Zh}端来了{r.Food.Zh}，那是{r.HeZh}最喜欢吃的东西。";
    }

    private string LostAnimal()
    {
        Person c = facts.ChildWith(null, "town", "pet");
        (Word title, Person r) = facts.Relative(c, elder: _random.OneIn(2));
        Family f = facts.World.FamilyOf(c);
        string pet = f.Pet.Zh;
        return $"一天早上，{c.Zh}家的{pet}不见了。{c.Zh}问{title.Zh}{r.Zh}：“你看见我们的{pet}了吗？”{title.Zh}说：“没有，我们一起去找吧。”"
            + $"{Plural(c, r)}先走到{f.Town.River.Zh}边，没有找到。{Plural(c, r)}又走到工匠的铺子里，工匠正在做{f.Town.Craft.Zh}。"
            + $"原来{pet}躲在{f.Town.Craft.Zh}后面吃{f.Pet.FoodZh}呢！{c.Zh}高兴极了，带着{pet}回了家。";
    }

    private string VisitToAFriend()
    {
        Person c = facts.ChildWith(null, "town");
        Person friend = facts.ChildWith(facts.World.FamilyOf(c), "town");
        Town home = facts.World.FamilyOf(c).Town,
            t = facts.World.FamilyOf(friend).Town;
        int day = _random.Next(7);
        return $"{Lexicon.Weekdays[day].Zh}，{c.Zh}坐车到{t.Zh}去看朋友{friend.Zh}。{t.Zh}的屋顶是{t.Roofs.Zh}的，{t.River.Zh}从旁边流过。"
            + $"{friend.Zh}请{c.Zh}尝了尝{t.Zh}的{t.Speciality.Zh}。{c.Zh}说：“真好吃！我住在{home.Zh}，那里最有名的特产是{home.Speciality.Zh}，欢迎你来玩。”"
            + $"第二天是{Lexicon.Weekdays[(day + 1) % 7].Zh}，{c.Zh}高高兴兴地回家了。";
    }

    private string WorkingDay()
    {
        Person c;
        Family f;
        bool ofFather = _random.OneIn(2);
        c = facts.ChildWith(null, ofFather ? "father" : "mother");
        f = facts.World.FamilyOf(c);
        Person p = ofFather ? f.Father : f.Mother;
        int day = _random.Next(5);
        return $"{p.Zh}是一名{p.Job!.Zh}，{p.HeZh}{p.Job.DoesZh}。{Lexicon.Weekdays[day].Zh}，{p.Zh}从早上忙到晚上，回到家里已经很累了。"
            + $"{(c.IsFemale ? "女儿" : "儿子")}{c.Zh}给{p.HeZh}端来了{p.Food.Zh}。{p.Zh}最喜欢吃{p.Food.Zh}，吃得很香。"
            + $"{c.Zh}问：“你明天还要上班吗？”{p.Zh}说：“明天是{Lexicon.Weekdays[day + 1].Zh}，{(day == 4 ? "我可以在家休息" : "我还要去上班")}。”";
    }

    private string NumberGame()
    {
        Person a = facts.AnyChild(),
            b = facts.ChildWith(facts.World.FamilyOf(a));
        (int first, int second) = facts.Comparison();
        (int x, int y) = facts.Sum();
        string winner = first > second ? a.Zh : b.Zh;
        return $"{a.Zh}和{b.Zh}玩数字游戏，谁的数大谁就赢。{a.Zh}抽到{first}，{b.Zh}抽到{second}。{Math.Max(first, second)}比{Math.Min(first, second)}大，所以{winner}赢了。"
            + $"后来{Plural(a, b)}一起数石子，{a.Zh}有{x}个，{b.Zh}有{y}个，{x}加{y}等于{x + y}。";
    }

    private string Letter()
    {
        Person c = facts.ChildWith(null, "town", "pet");
        Person friend = facts.ChildWith(facts.World.FamilyOf(c));
        Family f = facts.World.FamilyOf(c);
        (Word title, Person r) = facts.Relative(c, elder: _random.OneIn(2));
        int month = _random.Next(12),
            season = Lexicon.SeasonOf(month);
        return $"亲爱的{friend.Zh}：\n你好！我叫{c.Zh}，今年{c.Age}岁，住在{f.Town.Zh}。我最喜欢吃{c.Food.Zh}，爱好是{c.Hobby!.Zh}。我家里养着{f.Pet.Measure}{f.Pet.Zh}，它爱吃{f.Pet.FoodZh}。"
            + $"我的{title.Zh}是{r.Zh}。现在是{Lexicon.Months[month].Zh}，是{Lexicon.Seasons[season].Zh}，{Lexicon.SeasonWeather[season].Zh}。请你来{f.Town.Zh}玩，这里常常能看到{f.Town.Animal.Zh}。\n你的朋友{c.Zh}";
    }

    private static string Plural(Person a, Person b) => a.IsFemale && b.IsFemale ? "她们" : "他们";
}
