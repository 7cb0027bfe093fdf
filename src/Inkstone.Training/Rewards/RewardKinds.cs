using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What a reward may need of the run that it serves.</summary>
/// <param name="Device">where models compute</param>
/// <param name="Vocabulary">ids of the model that writes the answers</param>
/// <param name="Warn">where warnings go</param>
internal sealed record RewardSetting(Device Device, int Vocabulary, Action<string> Warn);

/// <summary>A reward of a recipe: its name there and in logs, its weight, and how it is made when the run begins.</summary>
/// <param name="Name">its name</param>
/// <param name="Weight">its weight</param>
/// <param name="Make">opens it</param>
internal sealed record NamedReward(string Name, double Weight, Func<RewardSetting, IReward> Make);

/// <summary>The kinds of rewards, by name. Each is a file beside this one, and a line here.</summary>
internal static class RewardKinds
{
    private static readonly Dictionary<string, Func<RecipeSection, Func<RewardSetting, IReward>>> All = new()
    {
        ["exact_match"] = ExactMatch.From,
        ["number"] = NumberEquals.From,
        ["json"] = JsonParses.From,
        ["json_schema"] = JsonSchemaReward.From,
        ["json_equals"] = JsonEquals.From,
        ["format"] = ThinkFormat.From,
        ["length"] = LengthReward.From,
        ["repetition"] = RepetitionReward.From,
        ["regex"] = RegexReward.From,
        ["program"] = ProgramReward.From,
        ["judge"] = JudgeReward.From,
        ["model"] = ModelReward.From,
    };

    /// <summary>The rewards of a recipe's section: each key is a name, and a kind where the section below does not name one as its
    /// type.</summary>
    public static IReadOnlyList<NamedReward> From(RecipeSection s)
    {
        List<NamedReward> rewards = [];
        foreach (string name in s.Keys)
        {
            RecipeSection own = s.Section(name);
            string type = own.Choice("type", All.ContainsKey(name) ? name : "exact_match", [.. All.Keys]);
            own.Require(
                own.Has("type") || All.ContainsKey(name),
                "type",
                $"is missing: {name} is no kind of reward ({string.Join(", ", All.Keys)}); add it"
            );
            rewards.Add(new NamedReward(name, own.Number("weight", 1), All[type](own)));
        }
        return rewards;
    }
}
