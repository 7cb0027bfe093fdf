using System.IO.Enumeration;
using System.Text.Json.Nodes;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>A file preference_losses*.json: inputs, losses and gradients of preference and reinforcement learning, each case computed and
/// compared.</summary>
internal sealed class LossFile(string path, Device device)
{
    private const string Pattern = "preference_losses*.json";

    /// <summary>Such files in a directory.</summary>
    public static IReadOnlyList<string> In(string directory) => [.. Directory.GetFiles(directory, Pattern).Order(StringComparer.Ordinal)];

    /// <summary>Whether a path is such a file.</summary>
    public static bool Names(string path) => File.Exists(path) && FileSystemName.MatchesSimpleExpression(Pattern, Path.GetFileName(path));

    /// <summary>Computes every case.</summary>
    /// <exception cref="InvalidDataException">A section, case or option is not known.</exception>
    public IReadOnlyList<VerificationCheck> Run()
    {
        using WideProducts wide = new(device);
        LossChecks checks = new(Path.GetFileName(path));
        JsonObject root = GoldenJson.Read(path);
        if (root["dpo"]?["policy_chosen"] is not null || root.ContainsKey("ppo"))
        {
            new EarlierLosses(root, checks).Run();
            return checks.All;
        }
        PreferenceLosses preferences = new(checks, device);
        PolicyLosses policies = new(checks);
        TokenLosses tokens = new(checks, device);
        foreach ((string section, JsonNode? node) in root)
        {
            switch (section)
            {
                case "made_with" or "variant" or "note":
                    break;
                case "dpo":
                    preferences.Pairs(node!);
                    break;
                case "kto":
                    preferences.Singles(node!);
                    break;
                case "orpo_cpo":
                    preferences.WithoutReference(node!);
                    break;
                case "reward_model":
                    preferences.Rewards(node!);
                    break;
                case "grpo":
                    policies.Groups(node!);
                    break;
                case "rloo":
                    policies.LeaveOneOut(node!, root.Get("grpo"));
                    break;
                case "grpo_advantages":
                    policies.GroupAdvantages(node!);
                    break;
                case "rloo_advantages":
                    policies.LeaveOneOutAdvantages(node!);
                    break;
                case "distillation":
                    tokens.Distillation(node!);
                    break;
                case "sft":
                    tokens.Sft(node!);
                    break;
                default:
                    throw checks.Unknown($"a section \"{section}\"");
            }
        }
        return checks.All;
    }
}
