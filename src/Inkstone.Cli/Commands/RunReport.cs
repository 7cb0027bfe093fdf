using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>What all training verbs share: their options over a recipe, and how the end of a run is told.</summary>
internal static class RunReport
{
    /// <summary>Recipe keys of the command line, with the options that mean the same everywhere.</summary>
    public static List<KeyValuePair<string, string>> Overrides(CommandContext call, params ReadOnlySpan<(string Key, string? Value)> own)
    {
        List<KeyValuePair<string, string>> keys = [.. call.RecipeKeys];
        foreach ((string key, string? value) in own)
        {
            Add(key, value);
        }
        Add("train.threads", call.Threads?.ToString(CultureInfo.InvariantCulture));
        Add("train.precision", call.Precision);
        Add("train.seed", call.Seed?.ToString(CultureInfo.InvariantCulture));
        return keys;

        void Add(string key, string? value)
        {
            if (value is not null)
            {
                keys.Add(new(key, value));
            }
        }
    }

    public static Option<string> Out() => new("--out") { Description = "directory of the run, instead of the recipe's", HelpName = "DIR" };

    public static Option<bool> Resume() => new("--resume") { Description = "go on from the newest checkpoint in the run's directory" };

    public static Option<bool> AllowChangedData() =>
        new("--allow-changed-data")
        {
            Description = "go on with --resume although the data have changed; the best so far then counts no more",
        };

    /// <summary>What a run is going to do, in one line.</summary>
    /// <param name="p">the plan for a machine of its own</param>
    /// <param name="share">part of the machine that other programs leave it</param>
    public static string Plan(RunPlan p, double share)
    {
        bool shared = share < CpuShare.Alone,
            measured = !double.IsNaN(p.Seconds);
        double seen = shared && measured && p.Steps is null ? share : 1,
            seconds = shared && p.Steps is not null ? p.Seconds / share : p.Seconds;
        string steps = p.Steps is { } count ? Format.Text($"{count:N0} steps, ") : "about ",
            time = measured ? $"about {(seconds < 1 ? "a second" : Format.Time(seconds))}, " : "";
        string others =
            shared && measured
                ? $"; other programs leave it {Format.Text($"{100 * share:0}")} % of the machine{(p.Steps is null || seconds < 10 ? "" : $", alone it takes about {Format.Time(p.Seconds)}")}"
                : "";
        return Format.Text(
            $"{steps}{Format.Count(seen * p.Tokens)} tokens: {seen * p.Epochs:0.##} epochs of {Format.Count(p.DataTokens)}, {seen * p.Tokens / p.Parameters:0.##} for each parameter; {time}{Format.Bytes(p.MemoryBytes)} of memory{others}"
        );
    }

    public static JsonObject Json(IRecipe recipe, RunResult r) =>
        new()
        {
            ["out"] = recipe.Out,
            ["interrupted"] = r.Interrupted,
            ["ended_early"] = r.EndedEarly,
            ["steps"] = r.Progress.Step,
            ["total_steps"] = r.Progress.TotalSteps,
            ["tokens"] = r.Progress.Tokens,
            ["parameters"] = r.Facts.Parameters,
            ["first_valid_loss"] = Number(r.First?.Loss),
            ["valid_loss"] = Number(r.Last?.Loss),
            ["valid_bits_per_byte"] = Number(r.Last?.BitsPerByte),
            ["valid_labels"] = r.Last?.Labels,
            ["best_step"] = r.Progress.BestStep,
            ["best_valid_loss"] = r.Progress.BestLoss,
            ["tokens_per_second"] = Number(r.TokensPerSecond),
            ["fraction_of_roof"] = r.Facts.Roof is { } roof ? Number(r.Facts.FlopsPerToken * r.TokensPerSecond / roof) : null,
            ["checkpoint"] = r.Checkpoint,
            ["best_checkpoint"] = r.Best,
        };

    /// <summary>What the objective reports of held-out data.</summary>
    public static void AddMetrics(JsonObject json, RunResult r)
    {
        foreach (
            (string prefix, IReadOnlyList<Metric>? metrics) in ((string, IReadOnlyList<Metric>?)[])
                [("first_valid_", r.First?.Metrics), ("valid_", r.Last?.Metrics)]
        )
        {
            foreach (Metric metric in metrics ?? [])
            {
                json[prefix + metric.Name] = Number(metric.Value);
            }
        }
    }

    public static void People(TextWriter o, RunResult r, string next)
    {
        string speed = double.IsNaN(r.TokensPerSecond) ? "" : Format.Text($" at {r.TokensPerSecond:#,0} tokens/s");
        string end =
            r.Interrupted ? "interrupted after"
            : r.EndedEarly ? "no better for long enough, ended after"
            : "done:";
        o.WriteLine(Format.Text($"{end} {r.Progress.Step} steps, {Format.Count(r.Progress.Tokens)} tokens{speed}"));
        if (r.Last is { } valid && !(r.Interrupted && r.First is { } only && only.Equals(valid))) // measured before the first step alone, it says nothing of the others
        {
            string before = r.First is { } first ? Format.Text($" (before: {first.Loss:0.0000})") : "";
            o.WriteLine(
                Format.Text(
                    $"held-out loss {valid.Loss:0.0000}{before}{(double.IsNaN(valid.BitsPerByte) ? "" : Format.Text($", {valid.BitsPerByte:0.0000} bits per byte over {valid.Labels:N0} tokens"))}"
                )
            );
        }
        o.WriteLine($"checkpoint: {r.Checkpoint ?? "none"}{(r.Best is not null && r.Best != r.Checkpoint ? $" (best: {r.Best})" : "")}");
        o.WriteLine(r.Interrupted ? "go on with the same command and --resume" : next);
    }

    private static JsonNode? Number(double? value) => value is { } v && double.IsFinite(v) ? v : null;
}
