using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What a model is asked for.</summary>
public enum RequestKind
{
    /// <summary>How likely a continuation is behind a context.</summary>
    LogLikelihood,

    /// <summary>How likely a whole text is.</summary>
    Rolling,

    /// <summary>A text behind a context.</summary>
    Generate,
}

/// <summary>One request to a model, and its answers.</summary>
public sealed class Request
{
    internal Request(
        RequestKind kind,
        string task,
        int documentId,
        int index,
        DictValue document,
        string context,
        string? continuation,
        DictValue? settings,
        int repeats
    ) =>
        (Kind, Task, DocumentId, Index, Document, Context, Continuation, Settings, Repeats) = (
            kind,
            task,
            documentId,
            index,
            document,
            context,
            continuation,
            settings,
            repeats
        );

    /// <summary>What is asked for.</summary>
    public RequestKind Kind { get; }

    /// <summary>The task that asks.</summary>
    public string Task { get; }

    /// <summary>The document's number in its split, from 0.</summary>
    public int DocumentId { get; }

    /// <summary>The request's number among those of its document.</summary>
    public int Index { get; }

    /// <summary>What stands before; of <see cref="RequestKind.Rolling"/> the whole text.</summary>
    public string Context { get; }

    /// <summary>What follows, where that is to be scored.</summary>
    public string? Continuation { get; }

    /// <summary>How a text is to be made: until, max_gen_toks, temperature, do_sample.</summary>
    public DictValue? Settings { get; }

    /// <summary>How often the request is made.</summary>
    public int Repeats { get; }

    /// <summary>Whether all its answers are there.</summary>
    public bool IsAnswered => Responses.Count >= Repeats;

    internal DictValue Document { get; }

    /// <summary>The answers, one for each repetition: (log-likelihood, greedy), a log-likelihood, or a text.</summary>
    internal List<Value> Responses { get; } = [];

    /// <summary>What the filters made of them, by the pipeline's name.</summary>
    internal Dictionary<string, Value> Filtered { get; } = new(StringComparer.Ordinal);

    /// <summary>What the model is given, as result files have it.</summary>
    internal IReadOnlyList<Value> Arguments =>
        Kind switch
        {
            RequestKind.LogLikelihood => [new StringValue(Context), new StringValue(Continuation!)],
            RequestKind.Rolling => [new StringValue(Context)],
            _ => [new StringValue(Context), Settings!],
        };
}
