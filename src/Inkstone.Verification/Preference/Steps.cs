using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Whole optimizer steps of a case, and what they are compared with: the same in float32 by TRL and in float64 by hand.</summary>
internal sealed class Steps(string name, JsonNode expected, LossChecks checks, bool narrow)
{
    private readonly JsonNode _settings = expected.Get("settings");

    /// <summary>Allowed deviations: losses, norms (relative), log-probabilities after steps. A step of AdamW may turn a tiny gradient into
    /// a whole step.</summary>
    private readonly double _loss = narrow ? 2e-2 : 1e-5,
        _norm = narrow ? 5e-2 : 1e-5,
        _after = narrow ? 5e-2 : 5e-4,
        _before = narrow ? 2e-2 : 1e-5;

    /// <summary>The options of the case.</summary>
    public JsonNode Settings => _settings;

    /// <summary>Micro-batches of a step.</summary>
    public int Accumulation => (int)_settings.Number("gradient_accumulation_steps", 1);

    /// <summary>Takes the steps and compares losses, norms and metrics.</summary>
    /// <param name="device">where the model lives</param>
    /// <param name="parameters">what is trained</param>
    /// <param name="objective">what is minimised</param>
    /// <param name="source">micro-batches</param>
    /// <param name="before">metrics of a step that are known before it is taken</param>
    /// <param name="shuffled">
    /// whether TRL deals the rows of a step to its micro-batches in an order of its own: what it shows as a mean of their means (shares of
    /// clipped tokens, entropies) then depends on it, by a
    /// few hundredths of the share; losses and gradients do not
    /// </param>
    public void Take<TBatch>(
        Device device,
        Parameters parameters,
        Objective<TBatch> objective,
        IBatchSource<TBatch> source,
        Func<int, IReadOnlyList<MetricTerm>>? before = null,
        bool shuffled = false
    )
        where TBatch : ITrainingBatch
    {
        AdamW optimizer = new(parameters, new AdamWSettings((double)_settings.Get("learning_rate"), Beta2: 0.999, WeightDecay: 0));
        TrainStep<TBatch> step = new(
            device,
            parameters,
            objective,
            source,
            [optimizer],
            1,
            Accumulation,
            (double)_settings.Get("max_grad_norm")
        );
        int count = (int)_settings.Get("steps");
        double[] losses = new double[count],
            norms = new double[count];
        JsonArray single = expected.Get("trl_float32").Get("steps").AsArray();
        double apart = expected.Number("largest_difference", 0);
        for (int i = 0; i < count; i++)
        {
            IReadOnlyList<MetricTerm> known = before?.Invoke(i) ?? [];
            StepOutcome outcome = step.Run(i, 1);
            (losses[i], norms[i]) = (outcome.Loss, outcome.GradientNorm);
            foreach ((string key, JsonNode value) in single[i]!.Members())
            {
                double wanted = (double)value;
                switch (key)
                {
                    case "loss":
                        checks.Number($"{name}: {key} of step {i + 1} in float32", outcome.Loss, wanted, _loss + apart);
                        break;
                    case "grad_norm":
                        checks.Number($"{name}: {key} of step {i + 1} in float32", outcome.GradientNorm / wanted, 1, _norm + apart);
                        break;
                    default:
                        double found = known.FirstOrDefault(m => m.Name == key) is { Name: not null } term
                            ? term.Normalizer > 0
                                ? term.Sum / term.Normalizer
                                : term.Sum
                            : outcome.Metrics?.FirstOrDefault(m => m.Name == key)?.Value ?? double.NaN;
                        bool dealt =
                            shuffled
                            && Accumulation > 1
                            && (key == "entropy" || key == "kl" || key.Contains("clip_ratio/", StringComparison.Ordinal));
                        checks.Number(
                            $"{name}: {key} of step {i + 1}",
                            found,
                            wanted,
                            dealt ? (key == "entropy" ? 1e-3 : 2e-2)
                                : i == 0 ? 2 * _before
                                : _after
                        );
                        break;
                }
            }
        }
        JsonNode right = expected.Get("float64");
        checks.Numbers($"{name}: losses", losses, right.Get("losses").Numbers(), _loss);
        checks.Numbers(
            $"{name}: gradient norms",
            [.. norms.Zip(right.Get("grad_norms").Numbers(), (a, b) => a / b)],
            [.. norms.Select(_ => 1.0)],
            _norm
        );
    }

    /// <summary>Numbers before the first step.</summary>
    public void Before(string key, ReadOnlySpan<double> found) =>
        checks.Numbers($"{name}: {key}", found, expected.Get("trl_float32").Get(key).Flat(), _before);

    /// <summary>Numbers behind the last step.</summary>
    public void After(string key, ReadOnlySpan<double> found)
    {
        checks.Numbers($"{name}: {key} in float32", found, expected.Get("trl_float32").Get(key).Flat(), _after);
        checks.Numbers($"{name}: {key}", found, expected.Get("float64").Get(key).Flat(), _after);
    }

    /// <summary>Numbers that are in either part.</summary>
    public void Both(string key, ReadOnlySpan<double> found)
    {
        checks.Numbers($"{name}: {key} in float32", found, expected.Get("trl_float32").Get(key).Flat(), 1e-5);
        checks.Numbers($"{name}: {key}", found, expected.Get("float64").Get(key).Flat(), 2e-6);
    }

    /// <summary>The log-probabilities of answers' tokens under a model.</summary>
    public static double[] LogProbs(CausalLm model, IEnumerable<(int[] Prompt, int[] Answer)> texts, double temperature = 1)
    {
        AnswerBatch batch = new(share: false);
        foreach ((int[] prompt, int[] answer) in texts)
        {
            batch.Add(prompt, [answer]);
        }
        batch.Close();
        TokenRuns runs = new();
        new PolicyObjective(model, new PolicyOptions(), 1, temperature).LogProbs(batch, runs);
        return runs.Values.ToArray();
    }
}
