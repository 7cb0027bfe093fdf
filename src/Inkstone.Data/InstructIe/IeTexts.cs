using System.Text;
using System.Text.Encodings.Web;

namespace Inkstone.Data;

/// <summary>
/// The words of the conversations, for training and evaluation alike: a model is asked as it was taught. Every prompt ends with the schema
/// and the text, under the same two labels.
/// </summary>
public static class IeTexts
{
    /// <summary>The system message.</summary>
    public const string System = "你按照给定的 schema 从文本里抽取信息。回答只有一个 JSON 对象，前后没有别的文字。";

    private const string Form =
        "JSON 以实体为键，每个实体下面是 schema 里的字段；一个值写成字符串，几个值写成列表，文本没有提到的字段不写。";

    private static readonly string[] Only =
    [
        "只输出 JSON，不要解释。",
        "回答必须能直接当作 JSON 解析，前后不要有任何文字。",
        "不要使用 markdown 代码块，直接输出 JSON 对象。",
        "除了一个合法的 JSON 对象以外，什么都不要写。",
    ];

    /// <summary>Schema and text as every prompt ends with them.</summary>
    /// <param name="instruction">what is to be done</param>
    /// <param name="fields">the fields</param>
    /// <param name="input">the text</param>
    public static string Prompt(string instruction, IReadOnlyList<string> fields, string input) =>
        $"{instruction.TrimEnd()}\nSchema: {List(fields)}\n文本: {input}";

    /// <summary>What a task asks for.</summary>
    internal static string Instruction(IeTask task, ulong draw) =>
        task switch
        {
            IeTask.IeExtraction => "请根据 schema 从文本中抽取信息，用 JSON 回答。",
            IeTask.TextToJson => "请把文本里的信息整理成 schema 规定的 JSON。" + Form,
            IeTask.FormatFollowing => "请根据 schema 从文本中抽取信息。" + Only[(int)(draw % (ulong)Only.Length)],
            _ => "下面的抽取结果有错误。请对照 schema 和文本改正，输出改正后的完整 JSON。",
        };

    /// <summary>The prompt of a task.</summary>
    /// <param name="task">the task</param>
    /// <param name="draw">decides between wordings</param>
    /// <param name="fields">the topic's fields</param>
    /// <param name="input">the text</param>
    /// <param name="broken">the answer that is to be mended</param>
    internal static string Prompt(IeTask task, ulong draw, IReadOnlyList<string> fields, string input, string? broken) =>
        Prompt(Instruction(task, draw), fields, input) + (broken is null ? "" : $"\n抽取结果: {broken}");

    /// <summary>The relations of a text by entity: <c>{"entity": {"field": "value", "field": ["value", "value"]}}</c>.</summary>
    internal static OrderedDictionary<string, OrderedDictionary<string, List<string>>> Answer(IReadOnlyList<IeRelation> relations)
    {
        OrderedDictionary<string, OrderedDictionary<string, List<string>>> entities = new(StringComparer.Ordinal);
        foreach (IeRelation relation in relations)
        {
            if (!entities.TryGetValue(relation.Head, out OrderedDictionary<string, List<string>>? fields))
            {
                entities.Add(relation.Head, fields = new(StringComparer.Ordinal));
            }
            if (!fields.TryGetValue(relation.Name, out List<string>? values))
            {
                fields.Add(relation.Name, values = []);
            }
            if (!values.Contains(relation.Tail))
            {
                values.Add(relation.Tail);
            }
        }
        return entities;
    }

    /// <summary>The same as JSON, with a blank behind commas and colons.</summary>
    internal static string Json(OrderedDictionary<string, OrderedDictionary<string, List<string>>> entities)
    {
        StringBuilder text = new("{");
        foreach ((string entity, OrderedDictionary<string, List<string>> fields) in entities)
        {
            text.Append(text.Length > 1 ? ", " : "").Append(Quoted(entity)).Append(": {");
            text.AppendJoin(", ", fields.Select(f => $"{Quoted(f.Key)}: {(f.Value.Count == 1 ? Quoted(f.Value[0]) : List(f.Value))}"))
                .Append('}');
        }
        return text.Append('}').ToString();
    }

    /// <summary>Texts as a list in JSON, with a blank behind commas.</summary>
    public static string List(IReadOnlyList<string> texts) => $"[{string.Join(", ", texts.Select(Quoted))}]";

    private static string Quoted(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";
}
