using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Which stages of a pipeline are run although nothing changed, and which are not although something did.</summary>
/// <param name="Skip">left as they are</param>
/// <param name="Force">run again</param>
/// <param name="From">run again with all behind it; null: none</param>
internal sealed record StageChoice(IReadOnlyList<string> Skip, IReadOnlyList<string> Force, string? From);

/// <summary>What became of a stage.</summary>
/// <param name="Stage">which</param>
/// <param name="Command">its command line</param>
/// <param name="Ended">ran, unchanged, skipped, failed or interrupted</param>
/// <param name="Seconds">how long it took, when it ran</param>
/// <param name="Result">its JSON</param>
internal sealed record StageOutcome(PipelineStage Stage, string Command, string Ended, double Seconds, JsonNode? Result);

/// <summary>Runs the stages of a pipeline that have something to do.</summary>
internal sealed class PipelineRun(CommandContext call, Pipeline pipeline, string output, PipelineState state, StageChoice choice)
{
    private readonly PipelineWords _words = new(pipeline, output);
    private bool _behindFrom;

    /// <summary>Refuses what can be seen to go wrong before an hour has been spent: names, flags and files of every stage.</summary>
    public void Check()
    {
        string[] names = [.. pipeline.Stages.Select(s => s.Name)];
        foreach (
            string named in choice.Skip.Concat(choice.Force).Concat(choice.From is null ? [] : [choice.From]).Where(n => !names.Contains(n))
        )
        {
            throw new ArgumentException(
                $"{pipeline.File} has no stage '{named}'{Spelling.Suggestion(named, names)}; it has {string.Join(", ", names)}"
            );
        }
        foreach (PipelineStage stage in pipeline.Stages)
        {
            string[] words = Words(stage);
            if (words is ["run", ..])
            {
                throw new InvalidDataException($"{pipeline.File}: stages.{stage.Name}.run: a pipeline cannot be a stage of another");
            }
            if (call.Host.Check(words).Mistake is { } mistake)
            {
                throw new InvalidDataException($"{pipeline.File}: stages.{stage.Name}.run: {mistake}");
            }
            foreach (string path in Files(stage.Inputs, stage, "inputs").Where(p => !Exists(p) && !IsMade(p)))
            {
                throw new FileNotFoundException($"{pipeline.File}: stages.{stage.Name}.inputs names {path}, which does not exist");
            }
            foreach (
                string needed in _words
                    .Named(stage)
                    .Where(n =>
                        n != stage.Name && choice.Skip.Contains(n) && !Directory.Exists(_words.Own(n)) && !choice.Skip.Contains(stage.Name)
                    )
            )
            {
                throw new ArgumentException(
                    $"{stage.Name} reads what {needed} makes, and {_words.Own(needed)} does not exist: leave --skip {needed} out"
                );
            }
        }
    }

    /// <summary>Runs them; the exit code is that of the stage that failed, or 0.</summary>
    public (int Code, IReadOnlyList<StageOutcome> Outcomes) Run()
    {
        List<StageOutcome> outcomes = [];
        foreach ((int i, PipelineStage stage) in pipeline.Stages.Index())
        {
            (StageOutcome outcome, int code) = Run(stage, $"{i + 1}/{pipeline.Stages.Count} {stage.Name}");
            outcomes.Add(outcome);
            if (code != 0)
            {
                return (code, outcomes);
            }
        }
        return (0, outcomes);
    }

    private (StageOutcome, int) Run(PipelineStage stage, string title)
    {
        string[] words = Words(stage);
        string own = _words.Own(stage.Name),
            command = string.Join(' ', words.Select(Quoted));
        StageState? known = state.Stages.GetValueOrDefault(stage.Name);
        if (choice.Skip.Contains(stage.Name))
        {
            call.Say($"{title}: skipped");
            return (new(stage, command, "skipped", 0, known?.Result), 0);
        }
        bool makesOwn = _words.Named(stage).Contains(stage.Name);
        string[] outputs = [.. makesOwn ? [own] : Array.Empty<string>(), .. Files(stage.Outputs, stage, "outputs")];
        string fingerprint = StageInputs.Fingerprint(
            words,
            [.. StageInputs.Find(words, output, own), .. Files(stage.Inputs, stage, "inputs")]
        );
        _behindFrom |= choice.From == stage.Name;
        bool same = known?.Fingerprint == fingerprint && !choice.Force.Contains(stage.Name) && !_behindFrom;
        if (same && known!.Done && outputs.All(Exists))
        {
            call.Say($"{title}: nothing changed");
            return (new(stage, command, "unchanged", known.Seconds, known.Result), 0);
        }
        bool resumes = same && !known!.Done && makesOwn && call.Host.Check(words).Verb.Options.Any(o => o.Name == "--resume");
        string[] flags = makesOwn && Exists(own) ? [resumes ? "--resume" : "--force"] : [];
        call.Say($"{title}: ink {command}{(flags.Length > 0 ? " " + flags[0] : "")}");
        state.Stages[stage.Name] = new StageState(fingerprint, Done: false, 0, null);
        state.Save(output);
        long began = Stopwatch.GetTimestamp();
        using StringWriter printed = new(CultureInfo.InvariantCulture);
        int code = call.RunCommand([.. words, .. flags, .. WithoutEffect(words), "--json"], printed);
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        JsonNode? result = Parsed(printed.ToString());
        if (code == 0 && outputs.FirstOrDefault(o => !Exists(o)) is { } missing)
        {
            throw new InvalidDataException($"{pipeline.File}: stages.{stage.Name} has ended without {missing}, which it should have made");
        }
        if (code == 0)
        {
            state.Stages[stage.Name] = new StageState(fingerprint, Done: true, seconds, result);
            state.Save(output);
        }
        return (
            new(
                stage,
                command,
                code switch
                {
                    0 => "ran",
                    Signals.Interrupted => "interrupted",
                    _ => "failed",
                },
                seconds,
                result
            ),
            code
        );
    }

    /// <summary>A stage's command line with what the variable of its verb and this call's own flags add.</summary>
    private string[] Words(PipelineStage stage)
    {
        string[] words = _words.Resolve(stage);
        List<string> added = [];
        if (
            words.Length > 0
            && call.Host.Check(words).Verb.TakesRecipeKeys
            && Environment.GetEnvironmentVariable(words[0].ToUpperInvariant() + "_ARGS") is { } more
        )
        {
            added.AddRange(CommandLineParser.SplitCommandLine(more));
        }
        Add("--precision", call.Precision);
        Add("--seed", call.Seed?.ToString(CultureInfo.InvariantCulture));
        return PipelineWords.With(words, added);

        void Add(string flag, string? value)
        {
            if (value is not null && !added.Contains(flag))
            {
                added.AddRange([flag, value]);
            }
        }
    }

    /// <summary>This call's flags that change nothing of what a stage makes, and so are no part of its fingerprint.</summary>
    private string[] WithoutEffect(string[] words) =>
        [
            .. call.Quiet ? ["--quiet"] : Array.Empty<string>(),
            .. call.Threads is { } threads && !words.Contains("--threads")
                ? ["--threads", threads.ToString(CultureInfo.InvariantCulture)]
                : Array.Empty<string>(),
        ];

    private IEnumerable<string> Files(IReadOnlyList<string> paths, PipelineStage stage, string key) =>
        paths.Select(p => _words.File(p, stage, key));

    /// <summary>Whether a path lies where stages go, and so may come into being.</summary>
    private bool IsMade(string path) => Path.GetFullPath(path).StartsWith(Path.GetFullPath(output), StringComparison.Ordinal);

    /// <summary>A word as a shell takes it.</summary>
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsLetterOrDigit(c) || "-_./,=:@+%".Contains(c, StringComparison.Ordinal))
            ? word
            : $"\"{word}\"";

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);

    private static JsonNode? Parsed(string text)
    {
        try
        {
            return text.Trim().Length == 0 ? null : JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null; // what a verb prints that failed
        }
    }
}
