namespace Inkstone.SmallWorld;

/// <summary>What a field's values are made of.</summary>
internal enum IeValue
{
    Person,
    Town,
    Place,
    River,
    Job,
    Food,
    Speciality,
    Craft,
    Colour,
    Animal,
    Date,
    Year,
    Metres,
    Kilometres,
    Squares,
    People,
    Organisation,
    Work,
    Illness,
    Symptom,
    Medicine,
    Material,
    Use,
    Star,
    Days,
}

/// <summary>A field with the words that tell it: {0} is the entity, {1} the value.</summary>
internal sealed record IeField(string Name, IeValue Value, string Words);

/// <summary>A topic: what its entities are called, how a text begins, and its fields.</summary>
internal sealed record IeTopic(string Name, IeValue Entity, string Begins, IeField[] Fields);

/// <summary>The twelve topics of InstructIE, told of the small world.</summary>
internal static class IeTopics
{
    public static readonly IeTopic[] All =
    [
        new(
            "人物",
            IeValue.Person,
            "{0}是镇上人人都认识的人。",
            [
                new("出生日期", IeValue.Date, "{0}出生于{1}"),
                new("出生地", IeValue.Town, "出生地是{1}"),
                new("职业", IeValue.Job, "职业是{1}"),
                new("作品", IeValue.Work, "写过{1}"),
                new("配偶", IeValue.Person, "和{1}结了婚"),
                new("父母", IeValue.Person, "是{1}的孩子"),
                new("所属组织", IeValue.Organisation, "在{1}做事"),
                new("居住地", IeValue.Town, "现在住在{1}"),
            ]
        ),
        new(
            "地理地区",
            IeValue.Place,
            "{0}是一个安静的地方。",
            [
                new("位于", IeValue.Town, "{0}位于{1}"),
                new("面积", IeValue.Squares, "面积是{1}"),
                new("人口", IeValue.People, "人口有{1}"),
                new("行政中心", IeValue.Town, "行政中心设在{1}"),
                new("海拔", IeValue.Metres, "海拔{1}"),
                new("河流", IeValue.River, "{1}从旁边流过"),
                new("特产", IeValue.Speciality, "特产是{1}"),
            ]
        ),
        new(
            "建筑结构",
            IeValue.Work,
            "{0}是一座老房子。",
            [
                new("位于", IeValue.Town, "{0}位于{1}"),
                new("高度", IeValue.Metres, "高{1}"),
                new("创建或成立时间", IeValue.Year, "建于{1}"),
                new("建筑师", IeValue.Person, "由{1}设计"),
                new("材料", IeValue.Material, "用{1}建成"),
                new("用途", IeValue.Use, "用来{1}"),
                new("颜色", IeValue.Colour, "屋顶是{1}"),
            ]
        ),
        new(
            "作品",
            IeValue.Work,
            "《{0}》是一本很多人读过的书。",
            [
                new("作者", IeValue.Person, "作者是{1}"),
                new("出版时间", IeValue.Year, "{1}出版"),
                new("角色", IeValue.Person, "书里写到了{1}"),
                new("故事发生地", IeValue.Town, "故事发生在{1}"),
                new("出版社", IeValue.Organisation, "由{1}出版"),
                new("改编自", IeValue.Work, "改编自{1}"),
            ]
        ),
        new(
            "生物",
            IeValue.Animal,
            "这里说的{0}很常见。",
            [
                new("分布", IeValue.Town, "{0}分布在{1}"),
                new("食物", IeValue.Food, "爱吃{1}"),
                new("颜色", IeValue.Colour, "身上是{1}"),
                new("发现者", IeValue.Person, "最早由{1}记下来"),
                new("长度", IeValue.Metres, "身长{1}"),
                new("发现时间", IeValue.Year, "{1}第一次被人写到"),
            ]
        ),
        new(
            "人造物件",
            IeValue.Craft,
            "{0}是工匠做出来的东西。",
            [
                new("产地", IeValue.Town, "{0}产自{1}"),
                new("材料", IeValue.Material, "用{1}做成"),
                new("用途", IeValue.Use, "可以用来{1}"),
                new("发明者", IeValue.Person, "是{1}想出来的"),
                new("颜色", IeValue.Colour, "多半是{1}"),
                new("发明时间", IeValue.Year, "{1}开始有人用"),
            ]
        ),
        new(
            "自然科学",
            IeValue.Material,
            "课本里讲到了{0}。",
            [
                new("用途", IeValue.Use, "{0}可以用来{1}"),
                new("产地", IeValue.Town, "产地是{1}"),
                new("发现者或发明者", IeValue.Person, "由{1}发现"),
                new("发现时间", IeValue.Year, "发现于{1}"),
                new("颜色", IeValue.Colour, "看上去是{1}"),
            ]
        ),
        new(
            "组织",
            IeValue.Organisation,
            "{0}在当地很有名。",
            [
                new("位于", IeValue.Town, "{0}位于{1}"),
                new("创办者", IeValue.Person, "由{1}创办"),
                new("成立时间", IeValue.Year, "成立于{1}"),
                new("产品", IeValue.Craft, "出产{1}"),
                new("成员", IeValue.Person, "{1}也在里面"),
                new("子组织", IeValue.Organisation, "下面有{1}"),
                new("解散时间", IeValue.Year, "{1}解散"),
            ]
        ),
        new(
            "运输",
            IeValue.Work,
            "{0}号是一条船。",
            [
                new("线路", IeValue.River, "{0}号走{1}"),
                new("开通时间", IeValue.Date, "{1}开通"),
                new("长度", IeValue.Kilometres, "全程{1}"),
                new("途经", IeValue.Town, "途经{1}"),
                new("运营方", IeValue.Organisation, "由{1}经营"),
            ]
        ),
        new(
            "事件",
            IeValue.Work,
            "那一年办了{0}节。",
            [
                new("发生时间", IeValue.Date, "{0}节在{1}举行"),
                new("发生地点", IeValue.Town, "地点在{1}"),
                new("参与者", IeValue.Person, "{1}都来了"),
                new("主办方", IeValue.Organisation, "由{1}主办"),
                new("持续时间", IeValue.Days, "一共{1}"),
            ]
        ),
        new(
            "天文对象",
            IeValue.Star,
            "{0}在夜里看得见。",
            [
                new("直径", IeValue.Kilometres, "{0}直径约{1}"),
                new("发现者", IeValue.Person, "由{1}发现"),
                new("发现时间", IeValue.Year, "发现于{1}"),
                new("属于", IeValue.Star, "和{1}在一起"),
                new("公转周期", IeValue.Days, "绕一圈要{1}"),
            ]
        ),
        new(
            "医学",
            IeValue.Illness,
            "{0}是一种病。",
            [
                new("症状", IeValue.Symptom, "{0}的症状是{1}"),
                new("药物", IeValue.Medicine, "可以用{1}"),
                new("所属科室", IeValue.Organisation, "看病要去{1}"),
                new("发现者", IeValue.Person, "由{1}第一个写清楚"),
                new("病程", IeValue.Days, "大约要{1}才好"),
            ]
        ),
    ];
}
