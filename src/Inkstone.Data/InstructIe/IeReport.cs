using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>What went into a step and what came out.</summary>
/// <param name="Name">the step</param>
/// <param name="Of">what is counted: records, texts, tasks, conversations</param>
/// <param name="In">number before</param>
/// <param name="Out">number behind</param>
/// <param name="Parts">what the rest was removed for, each counted once, or what came out, by kind</param>
public sealed record IeStep(string Name, string Of, long In, long Out, IReadOnlyDictionary<string, long> Parts)
{
    /// <summary>How often each reason holds, where one item may have several; null where it cannot.</summary>
    public IReadOnlyDictionary<string, long>? Reasons { get; init; }

    /// <summary>Whether the parts are what was removed, and not what came out.</summary>
    public bool Removes { get; init; }

    /// <summary>Whether the counts add up.</summary>
    public bool AddsUp => Removes ? In == Out + Parts.Values.Sum() : Out == Parts.Values.Sum();

    internal JsonObject Json()
    {
        JsonObject json = new()
        {
            ["step"] = Name,
            ["of"] = Of,
            ["in"] = In,
            ["out"] = Out,
            [Removes ? "removed" : "parts"] = Counts(Parts),
        };
        if (Reasons is not null)
        {
            json["reasons"] = Counts(Reasons);
        }
        return json;
    }

    private static JsonObject Counts(IReadOnlyDictionary<string, long> counts) =>
        new(counts.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value)));
}

/// <summary>What a run of the steps made.</summary>
/// <param name="Output">its directory</param>
/// <param name="Steps">the steps in their order</param>
/// <param name="Conversations">conversations by split</param>
/// <param name="Topics">conversations by topic, both splits</param>
/// <param name="Prompts">prompts for the structured evaluation</param>
/// <param name="Shortages">what there was too little of</param>
public sealed record IeReport(
    string Output,
    IReadOnlyList<IeStep> Steps,
    IReadOnlyDictionary<string, long> Conversations,
    IReadOnlyDictionary<string, long> Topics,
    int Prompts,
    IReadOnlyList<string> Shortages
)
{
    /// <summary>The file that it lies in.</summary>
    public const string FileName = "report.json";

    /// <summary>As JSON.</summary>
    public JsonObject Json() =>
        new()
        {
            ["out"] = Output,
            ["steps"] = new JsonArray([.. Steps.Select(s => (JsonNode)s.Json())]),
            ["conversations"] = new JsonObject(Conversations.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value))),
            ["topics"] = new JsonObject(Topics.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value))),
            ["prompts"] = Prompts,
            ["shortages"] = new JsonArray([.. Shortages.Select(s => (JsonNode)s)]),
        };
}
