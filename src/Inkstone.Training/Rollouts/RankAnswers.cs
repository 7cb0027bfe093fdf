using System.Text.Json;
using Inkstone.Distributed;

namespace Inkstone.Training;

/// <summary>The answers that one process has written and judged, of a rollout that all share.</summary>
internal sealed class RankAnswers
{
    /// <summary>The answers, group behind group.</summary>
    public List<RolledAnswer> Answers { get; init; } = [];

    /// <summary>[answers][functions]</summary>
    public double[][] Rewards { get; set; } = [];

    /// <summary>What judging counted.</summary>
    public List<MetricTerm> Told { get; init; } = [];

    /// <summary>Seconds that writing took.</summary>
    public double Seconds { get; set; }

    /// <summary>Tokens of prompts that were not computed again.</summary>
    public long SharedTokens { get; set; }

    /// <summary>Those of all processes, in the order of prompts.</summary>
    public static List<RankAnswers> Gather(ICommunicator ranks, RankAnswers own) =>
        ranks.Size == 1
            ? [own]
            :
            [
                .. ranks
                    .GatherAll(JsonSerializer.SerializeToUtf8Bytes(own, RolloutJson.Default.RankAnswers))
                    .Select(part => JsonSerializer.Deserialize(part, RolloutJson.Default.RankAnswers)!),
            ];
}
