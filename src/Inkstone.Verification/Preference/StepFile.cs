using System.IO.Enumeration;
using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>A file e2e_*.json: whole optimizer steps of preference and reinforcement learning, reward models, distillation and fine-tuning,
/// on small models beside it.</summary>
internal sealed class StepFile(string path, Device device)
{
    private const string Pattern = "e2e_*.json";

    /// <summary>Such files in a directory.</summary>
    public static IReadOnlyList<string> In(string directory) => [.. Directory.GetFiles(directory, Pattern).Order(StringComparer.Ordinal)];

    /// <summary>Whether a path is such a file.</summary>
    public static bool Names(string path) => File.Exists(path) && FileSystemName.MatchesSimpleExpression(Pattern, Path.GetFileName(path));

    /// <summary>Takes the steps of every case.</summary>
    /// <exception cref="InvalidDataException">A section, case or option is not known.</exception>
    public IReadOnlyList<VerificationCheck> Run()
    {
        LossChecks checks = new(Path.GetFileName(path));
        JsonObject root = GoldenJson.Read(path);
        bool known = false;
        if (root["pairs"] is not null)
        {
            new PreferenceSteps(this, checks).Pairs(root);
            known = true;
        }
        if (root["kto"] is { } singles)
        {
            new PreferenceSteps(this, checks).Singles(singles);
            known = true;
        }
        if (root["completion_ids"] is not null)
        {
            new PolicySteps(this, checks).Run(root);
            known = true;
        }
        if (root["reward"] is { } reward)
        {
            new OtherSteps(this, checks).Reward(reward);
            known = true;
        }
        if (root["distillation"] is { } distillation)
        {
            new OtherSteps(this, checks).Distillation(distillation);
            known = true;
        }
        if (root["sft"] is { } sft)
        {
            new OtherSteps(this, checks).Sft(sft);
            known = true;
        }
        return known ? checks.All : throw checks.Unknown("what it holds");
    }

    internal Device Device => device;

    internal bool Narrow => device.MatMulType == DType.BFloat16;

    /// <summary>A model or adapter that a case names by a path from the folder of all reference numbers.</summary>
    internal string Place(string name)
    {
        for (DirectoryInfo? at = new(Path.GetFullPath(Path.GetDirectoryName(Path.GetFullPath(path))!)); at is not null; at = at.Parent)
        {
            string place = Path.Combine(at.FullName, name);
            if (Directory.Exists(place))
            {
                return place;
            }
        }
        throw new DirectoryNotFoundException(
            $"{path} names {name}, which is nowhere above it; keep the file beside the models that it was made with."
        );
    }

    internal CausalLm Open(JsonNode expected, string key = "base", bool trained = true)
    {
        string model = Place((string)expected.Get(key)!);
        return expected["adapter"] is { } adapter
            ? PeftAdapter.Open(model, Place((string)adapter!), device)
            : Pretrained.Open(model, device, trained: trained);
    }
}
