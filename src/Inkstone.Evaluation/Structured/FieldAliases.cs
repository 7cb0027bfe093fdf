using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Evaluation;

/// <summary>Other names of fields. A name is only taken as another where the other is allowed and the name itself is not, so that no alias
/// takes a field from a schema that has both.</summary>
public sealed class FieldAliases
{
    private static readonly Dictionary<string, string[]> Usual = new(StringComparer.Ordinal)
    {
        ["别名"] = ["又名", "又称", "别称", "也称", "原名"],
        ["位于"] = ["位置", "所在地", "地点", "地址", "坐落于"],
        ["出生地"] = ["出生地点", "籍贯"],
        ["出生日期"] = ["生日", "出生时间", "出生年月"],
        ["死亡日期"] = ["逝世日期", "去世时间"],
        ["创办者"] = ["创始人", "创建者", "创立者"],
        ["成立时间"] = ["创立时间", "创办时间", "成立日期"],
        ["创建或成立时间"] = ["建成时间", "建造时间", "建立时间", "竣工时间"],
        ["发现者或发明者"] = ["发现者", "发明者", "发现人", "发明人"],
        ["发生时间"] = ["时间", "举办时间", "日期"],
        ["发生地点"] = ["地点", "举办地点"],
        ["建筑师"] = ["设计师", "设计者"],
        ["子组织"] = ["子公司", "下属机构", "分支机构"],
        ["组成"] = ["成分", "构成"],
        ["用途"] = ["应用", "作用", "功能"],
        ["症状"] = ["常见症状", "主要症状", "临床表现"],
        ["治疗方法"] = ["治疗", "治疗方式", "疗法"],
        ["常见并发症"] = ["并发症"],
        ["所属科室"] = ["科室", "就诊科室"],
        ["保护级别"] = ["保护等级"],
        ["车站等级"] = ["等级"],
        ["开通时间"] = ["通车时间", "启用时间"],
        ["线路"] = ["所属线路", "路线"],
        ["成就"] = ["荣誉", "奖项"],
        ["起因"] = ["原因"],
        ["参与者"] = ["参加者"],
    };

    private readonly IReadOnlyDictionary<string, string[]> _names;

    private FieldAliases(IReadOnlyDictionary<string, string[]> names) => _names = names;

    /// <summary>Names that models like to use for fields of InstructIE.</summary>
    public static FieldAliases Default { get; } = new(Usual);

    /// <summary>Reads <c>{"field": ["other name", …]}</c>.</summary>
    /// <exception cref="InvalidDataException">It has another form.</exception>
    public static FieldAliases Read(string path)
    {
        try
        {
            JsonObject? json = JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject;
            return new FieldAliases(
                json!.ToDictionary(f => f.Key, f => f.Value!.AsArray().Select(n => n!.GetValue<string>()).ToArray(), StringComparer.Ordinal)
            );
        }
        catch (Exception fault)
            when (fault is JsonException or NullReferenceException or InvalidOperationException or ArgumentNullException)
        {
            throw new InvalidDataException($"{path}: the file must be JSON such as {{\"创办者\": [\"创始人\"]}}", fault);
        }
    }

    /// <summary>The allowed field that a name stands for, else the name.</summary>
    public string Canonical(string name, IReadOnlyList<string> allowed) =>
        allowed.Contains(name)
            ? name
            : allowed.FirstOrDefault(field => _names.TryGetValue(field, out string[]? others) && others.Contains(name)) ?? name;
}
