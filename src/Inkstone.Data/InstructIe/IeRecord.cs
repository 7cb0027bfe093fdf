using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>A relation that a text tells.</summary>
/// <param name="Head">the entity that it is told of</param>
/// <param name="Name">its name, a field of the topic's schema</param>
/// <param name="Tail">the value</param>
public readonly record struct IeRelation(string Head, string Name, string Tail);

/// <summary>A text with the relations in it: a record of InstructIE (arXiv:2305.11527) with one spelling of its keys.</summary>
/// <param name="Id">its id, or one made of the text</param>
/// <param name="Topic">its topic, by the recipe's names</param>
/// <param name="Input">the text</param>
/// <param name="Relations">what it tells, in the file's order</param>
public sealed record IeRecord(string Id, string Topic, string Input, IReadOnlyList<IeRelation> Relations)
{
    /// <summary>Keys of the files: the train file says text, the others say input.</summary>
    internal static readonly string[] Keys = ["id", "cate", "text", "input", "relation"];

    /// <summary>What tells the text from others.</summary>
    internal ulong TextHash => HashOf(Input);

    /// <summary>Characters of the longest head or tail.</summary>
    internal int LongestName => Relations.Max(r => Math.Max(r.Head.Length, r.Tail.Length));

    internal static ulong HashOf(string text, long seed = 0) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()), seed);

    /// <summary>The record, or null where its text, its topic or a part of a relation is missing.</summary>
    /// <param name="json">a record of the file</param>
    /// <param name="topics">other names of topics</param>
    internal static IeRecord? Parse(JsonObject json, IReadOnlyDictionary<string, string> topics)
    {
        if (
            (Text(json["text"]) ?? Text(json["input"]))?.Trim() is not { Length: > 0 } input
            || Text(json["cate"]) is not { Length: > 0 } cate
            || json["relation"] is not JsonArray list
        )
        {
            return null;
        }
        List<IeRelation> relations = new(list.Count);
        foreach (JsonNode? node in list)
        {
            if (
                node is not JsonObject relation
                || Text(relation["head"]) is not { Length: > 0 } head
                || Text(relation["relation"]) is not { Length: > 0 } name
                || Text(relation["tail"]) is not { Length: > 0 } tail
            )
            {
                return null;
            }
            relations.Add(new IeRelation(head, name, tail));
        }
        return new IeRecord(
            Text(json["id"]) ?? HashOf(input).ToString("x16", System.Globalization.CultureInfo.InvariantCulture),
            topics.GetValueOrDefault(cate, cate),
            input,
            relations
        );
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text.Trim() : null;
}
