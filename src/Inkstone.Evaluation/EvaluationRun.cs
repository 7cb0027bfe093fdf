using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>An evaluation: tasks with their requests, the model's answers, the scores.</summary>
public sealed class EvaluationRun
{
    private readonly EvaluationOptions _options;
    private readonly TaskSet _set;
    private readonly Dictionary<string, List<(int Id, DictValue Document)>> _documents = new(StringComparer.Ordinal);

    private EvaluationRun(TaskSet set, EvaluationOptions options)
    {
        (_set, _options) = (set, options);
        foreach (EvaluationTask task in set.Tasks.Values)
        {
            Configure(task);
        }
        List<Request> requests = [];
        foreach (EvaluationTask task in set.Tasks.Values)
        {
            _documents[task.Name] = [.. Chosen(task)];
            RunWarnings.Tell(task, _documents[task.Name], options);
            requests.AddRange(
                new RequestBuilder(task, new PromptOptions(options.SystemInstruction, options.Chat, options.FewshotAsMultiturn)).Build(
                    _documents[task.Name]
                )
            );
        }
        Requests = requests;
    }

    /// <summary>All requests, task by task, in the order of documents.</summary>
    public IReadOnlyList<Request> Requests { get; }

    /// <summary>Names of the tasks.</summary>
    public IReadOnlyList<string> Tasks => [.. _set.Tasks.Keys];

    /// <summary>Loads tasks and their data, and writes their requests.</summary>
    /// <param name="tasks">names, patterns, files, groups or tags</param>
    /// <param name="options">how they are run</param>
    /// <exception cref="InvalidDataException">A task cannot be run; the message says which and why.</exception>
    public static EvaluationRun Prepare(IReadOnlyList<string> tasks, EvaluationOptions options)
    {
        if (options.Limit is not null && options.Samples is not null)
        {
            throw new ArgumentException("give either --limit or --samples");
        }
        return options.Limit is <= 0
            ? throw new ArgumentException("--limit must be above 0: a share below 1, or a number of documents")
            : new EvaluationRun(
                new TaskLoader(new TaskIndex(options.IncludePaths), new DatasetSource(options.DataDirectories, options.DataFiles)).Load(
                    tasks
                ),
                options
            );
    }

    /// <summary>Asks a model for all that is not answered yet.</summary>
    /// <param name="model">the model</param>
    /// <param name="progress">hears the number of answered requests</param>
    /// <param name="own">the part of the requests that is asked here, by their numbers; the others are answered elsewhere; null:
    /// all</param>
    /// <param name="cancelled">looked at between requests</param>
    public void Answer(IEvaluatedModel model, Action<int>? progress = null, Range? own = null, CancellationToken cancelled = default)
    {
        int done = 0;
        foreach (
            IGrouping<RequestKind, Request> kind in Requests.Take(own ?? Range.All).Where(r => r.Responses.Count == 0).GroupBy(r => r.Kind)
        )
        {
            Request[] asked = [.. kind.SelectMany(r => Enumerable.Repeat(r, r.Repeats))];
            IReadOnlyList<Value> answers = kind.Key switch
            {
                RequestKind.LogLikelihood =>
                [
                    .. model.LogLikelihoods([.. asked.Select(r => (r.Context, r.Continuation!))], Told, cancelled).Select(Pair),
                ],
                RequestKind.Rolling =>
                [
                    .. model.RollingLogLikelihoods([.. asked.Select(r => r.Context)], Told, cancelled).Select(l => new FloatValue(l)),
                ],
                _ =>
                [
                    .. model
                        .Generate([.. asked.Select(r => (r.Context, TextSettings.Parse(r.Settings!)))], Told, cancelled)
                        .Select(t => new StringValue(t)),
                ],
            };
            for (int i = 0; i < asked.Length; i++)
            {
                asked[i].Responses.Add(answers[i]);
            }
        }

        void Told() => progress?.Invoke(++done);
    }

    /// <summary>Scores the answers.</summary>
    /// <exception cref="InvalidDataException">An answer is missing, or cannot be scored.</exception>
    public EvaluationResult Score()
    {
        if (Requests.FirstOrDefault(r => r.Responses.Count < r.Repeats) is { } open)
        {
            throw new InvalidDataException($"the task '{open.Task}' has no answer to request {open.Index} of document {open.DocumentId}.");
        }
        return ResultBuilder.Build(_set, Requests.GroupBy(r => r.Task).ToDictionary(g => g.Key, g => g.ToList()), _documents, _options);
    }

    private static TupleValue Pair(LogLikelihood l) => new([new FloatValue(l.Value), BoolValue.FromBoolean(l.IsGreedy)]);

    private void Configure(EvaluationTask task)
    {
        if (_options.GenKwargs is { } settings && task.Config.OutputType == "generate_until")
        {
            task.Config.UpdateGeneration(settings);
        }
        if (_options.PredictOnly)
        {
            task.PredictOnly();
        }
        int? own = task.Config.NumFewshot;
        if (_options.NumFewshot is { } asked && own != 0)
        {
            task.Config.NumFewshot = asked;
        }
        else
        {
            if (_options.NumFewshot is > 0)
            {
                _options.Warn?.Invoke($"{task.Name} says num_fewshot 0 itself, which --num-fewshot does not change");
            }
            task.Config.NumFewshot = own ?? 0;
        }
        task.Sampler.Seed(_options.FewshotSeed);
        task.Sampler.AlwaysExclude = _options.ExcludeOwnAnswers;
    }

    private IEnumerable<(int, DictValue)> Chosen(EvaluationTask task)
    {
        IReadOnlyList<DictValue> rows = task.Documents.Rows;
        if (_options.Samples is not null && _options.Samples.TryGetValue(task.Name, out IReadOnlyList<int>? wanted) && wanted.Count > 0)
        {
            int beyond = wanted.FirstOrDefault(i => i < 0 || i >= rows.Count, -1);
            return beyond < 0 && !wanted.Contains(-1)
                ? wanted.Distinct().Order().Select(i => (i, rows[i]))
                : throw new InvalidDataException(
                    $"--samples asks for document {beyond} of {task.Name}, which has the documents 0 to {rows.Count - 1}."
                );
        }
        int count = _options.Limit switch
        {
            null => rows.Count,
            < 1 and { } share => (int)Math.Ceiling(rows.Count * share),
            { } number => (int)number,
        };
        return rows.Take(count).Select((row, i) => (i, row));
    }
}
