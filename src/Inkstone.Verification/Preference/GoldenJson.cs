using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Parts of a JSON file of reference numbers; what is missing or of another kind is named with the file.</summary>
internal static class GoldenJson
{
    /// <summary>A file.</summary>
    public static JsonObject Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new InvalidDataException($"{path}: the file is JSON but no object.");
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new InvalidDataException($"{path}: this is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>A member that must be there.</summary>
    public static JsonNode Get(this JsonNode node, string key) =>
        node[key] ?? throw new InvalidDataException($"{node.GetPath()}: there is no \"{key}\".");

    /// <summary>The members of an object, none of which may be null.</summary>
    public static IEnumerable<(string Name, JsonNode Value)> Members(this JsonNode node) =>
        node.AsObject().Select(p => (p.Key, p.Value ?? throw new InvalidDataException($"{node.GetPath()}: \"{p.Key}\" is null.")));

    /// <summary>A number, or the fallback where it is absent or null.</summary>
    public static double Number(this JsonNode node, string key, double fallback) => node[key] is { } value ? (double)value : fallback;

    /// <summary>A list of numbers; null stands for NaN.</summary>
    public static double[] Numbers(this JsonNode node) => [.. node.AsArray().Select(v => v is null ? double.NaN : (double)v)];

    /// <summary>A list of ids.</summary>
    public static int[] Ids(this JsonNode node) => [.. node.AsArray().Select(v => (int)v!)];

    /// <summary>Lists of numbers.</summary>
    public static TokenRuns Runs(this JsonNode node) => TokenRuns.FromLists(node.AsArray().Select(list => list!.Numbers()));

    /// <summary>Lists of numbers, cut to lengths.</summary>
    public static TokenRuns Runs(this JsonNode node, int[] lengths) =>
        TokenRuns.FromLists(node.AsArray().Select((list, i) => list!.Numbers()[..lengths[i]]));

    /// <summary>All numbers of nested lists, in order.</summary>
    public static double[] Flat(this JsonNode node) =>
        node is JsonArray list ? [.. list.SelectMany(v => v is null ? [double.NaN] : v.Flat())] : [(double)node];

    /// <summary>Options that a case may have; another one is refused by name.</summary>
    public static void Know(this JsonNode options, string place, params ReadOnlySpan<string> known)
    {
        foreach ((string key, JsonNode? _) in options.AsObject())
        {
            if (!known.Contains(key))
            {
                throw new InvalidDataException($"{place}: there is no option \"{key}\" here.");
            }
        }
    }
}
