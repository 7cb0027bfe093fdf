using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>
/// Watches for what preference learning does when it goes wrong: chosen answers become unlikely (both answers fall, the rejected one
/// faster), the model repeats itself, answers
/// grow or shrink. Warns, or ends the run.
/// </summary>
internal sealed class CollapseWatch(
    WatchSection options,
    CausalLm model,
    Tokenizer tokenizer,
    IReadOnlyList<int[]> prompts,
    IReadOnlyList<int> ends,
    Action<string> warn
) : ITrainLog
{
    /// <summary>What the objective calls how far chosen answers are from the reference, and from nothing where there is none, in nats a
    /// token.</summary>
    public const string Drift = "logps/chosen_drift",
        PerToken = "logps/chosen_per_token";

    private const int Run = 4;

    /// <summary>Repetition that a model brings along is no fault of training.</summary>
    private const double MoreRepetition = 0.2;

    private readonly HashSet<string> _told = [];
    private double? _first;
    private (double Repetition, double Length)? _before;
    private double _fallen;

    /// <inheritdoc/>
    public void Step(in StepMetrics step)
    {
        if (Fallen(step.Metrics) is { } fallen)
        {
            _fallen = 0.9 * _fallen + 0.1 * fallen; // one batch says little
            Check(
                step.Step,
                options.Drop > 0 && _fallen > options.Drop,
                "drop",
                FormattableString.Invariant($"chosen answers have become {_fallen:0.00} nats a token less likely")
            );
        }
    }

    /// <inheritdoc/>
    public void Validation(int step, double loss, double bitsPerByte, bool best)
    {
        if (prompts.Count == 0 || options is { Repetition: 0, Length: 0 })
        {
            return;
        }
        (double repetition, double length) = Answers();
        (double Repetition, double Length) before = _before ??= (repetition, length);
        Check(
            step,
            options.Repetition > 0 && repetition > options.Repetition && repetition > before.Repetition + MoreRepetition,
            "repetition",
            FormattableString.Invariant(
                $"answers repeat themselves: {100 * repetition:0} % of their runs of {Run} characters stand there already ({100 * before.Repetition:0} % before)"
            )
        );
        double times = Math.Max(length, 1) / Math.Max(before.Length, 1);
        Check(
            step,
            options.Length > 0 && (times > options.Length || times < 1 / options.Length),
            "length",
            FormattableString.Invariant($"answers have {length:0} tokens where they had {before.Length:0}")
        );
    }

    /// <summary>Share of runs of characters that have stood before in a text.</summary>
    public static double Repetition(string text)
    {
        HashSet<string> seen = [];
        int count = Math.Max(0, text.Length - Run + 1);
        for (int i = 0; i < count; i++)
        {
            seen.Add(text.Substring(i, Run));
        }
        return count == 0 ? 0 : 1 - (double)seen.Count / count;
    }

    private double? Fallen(IReadOnlyList<Metric>? metrics)
    {
        double? drift = null,
            now = null;
        foreach (Metric metric in metrics ?? [])
        {
            (drift, now) =
                metric.Name == Drift ? (metric.Value, now)
                : metric.Name == PerToken ? (drift, metric.Value)
                : (drift, now);
        }
        return drift is { } fallen ? -fallen
            : now is { } value ? (_first ??= value) - value
            : null;
    }

    private (double Repetition, double Length) Answers()
    {
        Generator generator = new(model);
        double repetition = 0,
            length = 0;
        foreach (int[] prompt in prompts)
        {
            int[] answer = [.. generator.Generate(prompt, SamplingParams.Greedy(options.Tokens)).TakeWhile(id => !ends.Contains(id))];
            (repetition, length) = (
                repetition + Repetition(tokenizer.Decode(answer)) / prompts.Count,
                length + (double)answer.Length / prompts.Count
            );
        }
        return (repetition, length);
    }

    private void Check(int step, bool bad, string key, string what)
    {
        if (!bad || (!options.Stop && !_told.Add(key)))
        {
            return;
        }
        string advice = "lower optimizer.lr, raise loss.beta, add loss.sft_weight, or take the best checkpoint";
        if (options.Stop)
        {
            throw new DivergenceException($"training has collapsed at step {step}: {what} (watch.{key}); {advice}");
        }
        warn($"step {step}: {what} (watch.{key}); {advice}");
    }
}
