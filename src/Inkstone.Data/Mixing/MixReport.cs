using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>What was used of one source.</summary>
/// <param name="Category">its category</param>
/// <param name="Source">its name</param>
/// <param name="Records">records that it holds</param>
/// <param name="Usable">those that could be taken</param>
/// <param name="Skipped">reasons for which the others could not, with their numbers</param>
/// <param name="Written">lines that were written of it; a record in two files counts once</param>
/// <param name="Characters">characters in them</param>
/// <param name="Tokens">tokens in them, or null where no tokenizer counted</param>
public sealed record MixUsage(
    string Category,
    string Source,
    long Records,
    long Usable,
    IReadOnlyDictionary<string, long> Skipped,
    long Written,
    long Characters,
    long? Tokens
)
{
    /// <summary>How often a usable record was written, on average.</summary>
    public double Epochs => Usable == 0 ? 0 : (double)Written / Usable;

    /// <summary>The same as JSON.</summary>
    public JsonObject ToJson() =>
        new()
        {
            ["category"] = Category,
            ["source"] = Source,
            ["records"] = Records,
            ["usable"] = Usable,
            ["skipped"] = new JsonObject(Skipped.Select(s => KeyValuePair.Create(s.Key, (JsonNode?)s.Value))),
            ["written"] = Written,
            ["epochs"] = Epochs,
            ["characters"] = Characters,
            ["tokens"] = Tokens,
        };
}

/// <summary>What a mixture has become.</summary>
/// <param name="Output">the directory</param>
/// <param name="Usage">each source</param>
/// <param name="Lines">lines of each file</param>
/// <param name="Shortages">quotas that were lowered, in words</param>
public sealed record MixReport(
    string Output,
    IReadOnlyList<MixUsage> Usage,
    IReadOnlyDictionary<string, long> Lines,
    IReadOnlyList<string> Shortages
);

/// <summary>How far a mixture is.</summary>
/// <param name="Phase">counting, taking or shuffling</param>
/// <param name="Records">records of this phase so far</param>
/// <param name="Fraction">of the phase</param>
public readonly record struct MixProgress(string Phase, long Records, double Fraction);
