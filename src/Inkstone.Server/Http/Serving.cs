using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Grammar;
using Inkstone.Inference;
using Inkstone.Text;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>
/// One request while its answers are made: clocks and counters, the time limit, and what becomes of it when the client goes, the time is
/// over, the server stops,
/// or the engine fails. Whoever leaves, the engine is told at once.
/// </summary>
internal sealed class Serving : IDisposable
{
    private readonly HttpContext _http;
    private readonly ServedModel _model;
    private readonly Answers _answers;
    private readonly CancellationTokenSource _time;
    private readonly Activity? _activity;
    private readonly long _began = Stopwatch.GetTimestamp();
    private string _end = "abort";

    private Serving(HttpContext http, ServedModel model, Answers answers)
    {
        (_http, _model, _answers) = (http, model, answers);
        _time = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        _time.CancelAfter(model.Options.RequestTimeout);
        _activity = model.Telemetry.Begin(http, model.Options.ModelName);
    }

    /// <summary>Seconds until the first piece.</summary>
    public double FirstSeconds { get; private set; }

    /// <summary>Seconds so far.</summary>
    public double TotalSeconds => Stopwatch.GetElapsedTime(_began).TotalSeconds;

    public Usage Usage => new(_answers.PromptTokens, _answers.CompletionTokens, _answers.CachedTokens);

    public Answers Answers => _answers;

    /// <summary>Submits a request. What is wrong with it is the client's fault, and is told before a stream begins.</summary>
    /// <exception cref="ApiException">400, 429 or 503.</exception>
    public static Serving Begin(HttpContext http, ServedModel model, Func<Answers> start) => new(http, model, Submit(model, start));

    /// <inheritdoc cref="Begin"/>
    public static T Submit<T>(ServedModel model, Func<T> start)
    {
        if (model.Draining)
        {
            throw Stopping();
        }
        try
        {
            return start();
        }
        catch (PromptTooLongException fault)
        {
            throw new ApiException(400, fault.Message, "exceed_context_size_error", "messages", "context_length_exceeded")
            {
                More = new JsonObject { ["n_prompt_tokens"] = fault.Tokens, ["n_ctx"] = fault.Context },
            };
        }
        catch (GrammarException fault)
        {
            throw new ApiException(
                400,
                fault.Message,
                param: "response_format",
                code: fault.Keyword is null ? "invalid_schema" : "unsupported_schema"
            );
        }
        catch (EngineBusyException fault)
        {
            throw new ApiException(429, fault.Message, "rate_limit_error", code: "queue_full") { RetryAfter = 2 };
        }
        catch (Exception fault) when (fault is ArgumentException or InvalidDataException or FormatException)
        {
            throw new ApiException(400, Sentence(fault));
        }
    }

    /// <summary>What an exception says, without the name of a parameter that nobody outside knows.</summary>
    public static string Sentence(Exception fault)
    {
        int parameter = fault is ArgumentException ? fault.Message.LastIndexOf(" (Parameter '", StringComparison.Ordinal) : -1;
        return parameter < 0 ? fault.Message : fault.Message[..parameter];
    }

    /// <summary>The pieces of all answers.</summary>
    public async IAsyncEnumerable<AnswerPiece> ReadAllAsync()
    {
        await using IAsyncEnumerator<AnswerPiece> pieces = _answers.ReadAllAsync(_time.Token).GetAsyncEnumerator(_time.Token);
        while (await NextAsync(pieces).ConfigureAwait(false))
        {
            FirstSeconds = FirstSeconds == 0 ? TotalSeconds : FirstSeconds;
            yield return pieces.Current;
        }
    }

    private async Task<bool> NextAsync(IAsyncEnumerator<AnswerPiece> pieces)
    {
        try
        {
            return await pieces.MoveNextAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_http.RequestAborted.IsCancellationRequested)
        {
            throw Ended();
        }
    }

    /// <summary>How an answer of a stream ended.</summary>
    /// <exception cref="ApiException">It was ended from outside.</exception>
    public AnswerEnd EndOf(AnswerPiece piece) => EndWhole([piece.End]);

    /// <summary>How answers ended.</summary>
    /// <inheritdoc cref="EndOf"/>
    public AnswerEnd EndWhole(IEnumerable<AnswerEnd> ends)
    {
        AnswerEnd last = AnswerEnd.Stop;
        foreach (AnswerEnd end in ends)
        {
            last =
                end != AnswerEnd.Cancelled
                    ? end
                    : throw (_http.RequestAborted.IsCancellationRequested ? new OperationCanceledException(_http.RequestAborted) : Ended());
        }
        _end = ChatCompletions.Word(last);
        return last;
    }

    /// <summary>Whether a fault is to be told to the client, who is still there.</summary>
    public bool IsOurs(Exception fault) => fault is not OperationCanceledException || !_http.RequestAborted.IsCancellationRequested;

    /// <summary>What the client is told of it.</summary>
    public ApiException Fault(Exception fault)
    {
        if (fault is ApiException told)
        {
            return told;
        }
        if (fault is OperationCanceledException)
        {
            return Ended();
        }
        _end = "error";
        _model.Telemetry.Failed(fault);
        return new ApiException(
            500,
            "the engine failed while it was answering; the server's log says how.",
            "server_error",
            code: "internal_error"
        );
    }

    /// <summary>
    /// Says in a stream what went wrong and ends the connection without the stream's last chunk, so that clients which read no such event
    /// see that the answer is not whole.
    /// </summary>
    /// <exception cref="CutException">Always: it makes the server close the connection in order, so that what was written
    /// arrives.</exception>
    public static async Task CutAsync(EventStream events, JsonObject error, string? name = null)
    {
        events.Write(error, name);
        await events.FlushAsync().ConfigureAwait(false);
        throw new CutException();
    }

    public void Dispose()
    {
        _answers.Cancel();
        _time.Dispose();
        _model.Telemetry.Ended(_http, _activity, Usage, FirstSeconds, TotalSeconds, _end);
    }

    private ApiException Ended() =>
        _model.Draining
            ? Stopping()
            : new ApiException(
                504,
                $"the answer took longer than {_model.Options.RequestTimeout.TotalSeconds:0} s, the limit of this server.",
                "timeout_error",
                code: "timeout"
            );

    private static ApiException Stopping() =>
        new(503, "the server is shutting down; try again soon.", "unavailable_error", code: "shutting_down") { RetryAfter = 5 };
}

/// <summary>A response that is not whole and must not look as if it were.</summary>
internal sealed class CutException : Exception;
