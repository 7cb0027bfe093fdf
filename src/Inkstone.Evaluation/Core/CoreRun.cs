namespace Inkstone.Evaluation;

/// <summary>What a model gets in a task of CORE.</summary>
/// <param name="Task">the task</param>
/// <param name="Accuracy">share of right answers</param>
/// <param name="Error">its standard error; NaN of a single item</param>
public sealed record CoreTaskScore(CoreTask Task, double Accuracy, double Error)
{
    /// <summary>0 for guessing, 1 for no mistake.</summary>
    public double Centered => (Accuracy - Task.Chance) / (1 - Task.Chance);

    /// <summary>Standard error of <see cref="Centered"/>.</summary>
    public double CenteredError => Error / (1 - Task.Chance);
}

/// <summary>
/// CORE (arXiv:2406.11794) of a model from the published bundle, by the rules of nanochat: worked examples are drawn by Python's generator
/// with the seed 1234 + number of the item, a begin token stands before each prompt, an answer's loss is the mean over its tokens.
/// </summary>
public static class CoreRun
{
    /// <summary>Asks the tasks one after the other.</summary>
    /// <param name="tasks">the tasks</param>
    /// <param name="model">the model</param>
    /// <param name="answered">called for each prompt</param>
    /// <param name="cancelled">looked at between prompts</param>
    /// <exception cref="InvalidDataException">An item is not what its task's kind holds.</exception>
    public static IReadOnlyList<CoreTaskScore> Ask(
        IReadOnlyList<CoreTask> tasks,
        LocalModel model,
        Action? answered = null,
        CancellationToken cancelled = default
    ) => [.. tasks.Select(task => Ask(task, model, answered, cancelled))];

    /// <summary>The mean of the tasks' centred accuracies, and its standard error.</summary>
    public static (double Value, double Error) Core(IReadOnlyList<CoreTaskScore> scores) =>
        (scores.Average(s => s.Centered), Math.Sqrt(scores.Sum(s => s.CenteredError * s.CenteredError)) / scores.Count);

    private static CoreTaskScore Ask(CoreTask task, LocalModel model, Action? answered, CancellationToken cancelled)
    {
        CoreQuestion[] questions = [.. task.Items.Select((_, i) => CoreQuestion.Create(task, i))];
        ScoredTokens[][] parts =
        [
            .. questions.Select(q => CoreQuestion.Split(task.Kind, [.. q.Prompts.Select(model.CoreTokens)], model.MaxLength).ToArray()),
        ];
        // An answer without tokens of its own has no loss.
        Queue<LogLikelihood> found = new(
            model.Score([.. parts.SelectMany(p => p).Where(p => p.Continuation.Length > 0)], answered, cancelled)
        );
        int right = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            LogLikelihood?[] answers = [.. parts[i].Select(p => p.Continuation.Length > 0 ? found.Dequeue() : (LogLikelihood?)null)];
            bool correct =
                task.Kind == CoreTaskKind.LanguageModeling
                    ? answers[0] is { IsGreedy: true }
                    : Lowest([.. answers.Select((a, o) => -a?.Value / parts[i][o].Continuation.Length ?? double.NaN)]) == questions[i].Gold;
            right += correct ? 1 : 0;
        }
        double accuracy = (double)right / parts.Length;
        return new CoreTaskScore(task, accuracy, parts.Length > 1 ? Math.Sqrt(accuracy * (1 - accuracy) / (parts.Length - 1)) : double.NaN);
    }

    /// <summary>The first of the lowest; nothing is lower than NaN in the first place, as in Python.</summary>
    private static int Lowest(double[] losses)
    {
        int best = 0;
        for (int i = 1; i < losses.Length; i++)
        {
            best = losses[i] < losses[best] ? i : best;
        }
        return best;
    }
}
