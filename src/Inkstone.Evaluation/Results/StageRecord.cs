using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What held-out texts cost a model.</summary>
/// <param name="Nats">−Σ log p of all their tokens</param>
/// <param name="Tokens">tokens that were predicted</param>
/// <param name="Bytes">bytes of the texts in UTF-8</param>
public sealed record HeldOutLoss(double Nats, long Tokens, long Bytes)
{
    /// <summary>Measures texts.</summary>
    /// <param name="model">the model</param>
    /// <param name="texts">texts that it has not learned from</param>
    /// <param name="cancelled">looked at between texts</param>
    public static HeldOutLoss Measure(LocalModel model, IReadOnlyList<string> texts, CancellationToken cancelled = default) =>
        new(
            -model.RollingLogLikelihoods(texts, null, cancelled).Sum(),
            texts.Sum(t => model.Splitter.Windows(t, model.MaxLength).Sum(w => (long)w.Continuation.Length)),
            texts.Sum(t => (long)Encoding.UTF8.GetByteCount(t))
        );

    /// <summary>Nats per token.</summary>
    public double Loss => Nats / Tokens;
}

/// <summary>A line of a log that is written after each stage of training: <c>{stage, step, model, loss, perplexity, bits_per_byte,
/// scores}</c>.</summary>
public static class StageRecord
{
    /// <summary>The line; scores are <c>{task: {"metric,filter": {value, stderr, n}}}</c>.</summary>
    /// <param name="stage">the stage's name</param>
    /// <param name="step">the optimizer's step, or null</param>
    /// <param name="model">the model's path</param>
    /// <param name="loss">of held-out texts, or null</param>
    /// <param name="result">scores of benchmarks, or null</param>
    public static DictValue Create(string stage, long? step, string model, HeldOutLoss? loss, EvaluationResult? result)
    {
        DictValue? results = result?.Summary.Get("results") as DictValue;
        return Create(
            stage,
            step,
            model,
            loss is { Tokens: > 0 } ? (loss.Loss, loss.Nats / Math.Log(2) / loss.Bytes, loss.Tokens) : null,
            PythonValues.Dict(results?.Entries.Select(t => (t.Key.Text, (Value)Scores((DictValue)t.Value))) ?? [])
        );
    }

    /// <summary>The line of scores that are no benchmark's.</summary>
    /// <param name="stage">the stage's name</param>
    /// <param name="step">the optimizer's step, or null</param>
    /// <param name="model">the model's path</param>
    /// <param name="task">what the scores are called together</param>
    /// <param name="scores">scores by name; those of nothing are left out</param>
    /// <param name="loss">nats per token, bits per byte (NaN where unknown) and tokens of held-out texts, or null</param>
    public static DictValue Create(
        string stage,
        long? step,
        string model,
        string task,
        IEnumerable<KeyValuePair<string, Share>> scores,
        (double Nats, double BitsPerByte, long Tokens)? loss = null
    ) =>
        Create(
            stage,
            step,
            model,
            loss,
            PythonValues.Dict(
                (
                    task,
                    PythonValues.Dict(
                        scores
                            .Where(s => s.Value.Count > 0)
                            .Select(s =>
                                (
                                    s.Key + ",none",
                                    (Value)
                                        PythonValues.Dict(
                                            ("value", new FloatValue(s.Value.Value)),
                                            ("stderr", double.IsNaN(s.Value.Error) ? NoneValue.None : new FloatValue(s.Value.Error)),
                                            ("n", PythonValues.Int(s.Value.Count))
                                        )
                                )
                            )
                    )
                )
            )
        );

    private static DictValue Create(
        string stage,
        long? step,
        string model,
        (double Nats, double BitsPerByte, long Tokens)? loss,
        DictValue scores
    )
    {
        List<(string, Value)> line =
        [
            ("stage", new StringValue(stage)),
            ("step", step is { } number ? PythonValues.Int(number) : NoneValue.None),
            ("model", new StringValue(model)),
        ];
        if (loss is { } held)
        {
            line.AddRange([("loss", new FloatValue(held.Nats)), ("perplexity", new FloatValue(Math.Exp(held.Nats)))]);
            if (!double.IsNaN(held.BitsPerByte))
            {
                line.Add(("bits_per_byte", new FloatValue(held.BitsPerByte)));
            }
            line.Add(("tokens", PythonValues.Int(held.Tokens)));
        }
        line.Add(("scores", scores));
        return PythonValues.Dict(line);
    }

    /// <summary>Adds a line to a log, whole or not at all.</summary>
    public static void Append(string file, DictValue line)
    {
        string before = File.Exists(file) ? File.ReadAllText(file) : "";
        Files.AtomicFile.WriteText(
            file,
            before + (before.Length == 0 || before.EndsWith('\n') ? "" : "\n") + JsonValues.Write(line, ascii: false) + "\n"
        );
    }

    private static DictValue Scores(DictValue task) =>
        PythonValues.Dict(
            task.Entries.Where(e =>
                    e.Key.Text.Contains(',', StringComparison.Ordinal) && !e.Key.Text.Contains("_stderr,", StringComparison.Ordinal)
                )
                .Select(e =>
                    (
                        e.Key.Text,
                        (Value)
                            PythonValues.Dict(
                                ("value", e.Value),
                                ("stderr", Error(task, e.Key.Text)),
                                ("n", task.Get("sample_len") ?? NoneValue.None)
                            )
                    )
                )
        );

    private static Value Error(DictValue task, string key) =>
        task.Get(key.Insert(key.IndexOf(',', StringComparison.Ordinal), "_stderr")) is FloatValue error ? error : NoneValue.None;
}
