using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>How likely a continuation is.</summary>
/// <param name="Value">natural logarithm of its probability</param>
/// <param name="IsGreedy">whether each of its tokens is the likeliest</param>
public readonly record struct LogLikelihood(double Value, bool IsGreedy);

/// <summary>How a text is to be made.</summary>
/// <param name="Until">texts that end it, and are not part of it</param>
/// <param name="MaxTokens">most tokens; null leaves it to the model</param>
/// <param name="Temperature">0 takes the likeliest token</param>
/// <param name="TopP">share of probability that is drawn from</param>
/// <param name="TopK">number of tokens that are drawn from; 0 for all</param>
public sealed record TextSettings(IReadOnlyList<string> Until, int? MaxTokens, double Temperature, double TopP = 1, int TopK = 0)
{
    /// <summary>The settings as task files write them.</summary>
    public static TextSettings Parse(DictValue settings)
    {
        IReadOnlyList<string> until = settings.Get("until") switch
        {
            SequenceValue several => [.. several.Elements.Select(u => u.Text)],
            { } one => [one.Text],
            null => [],
        };
        Value? most =
            settings.Get("max_gen_toks")
            ?? settings.Get("max_new_tokens")
            ?? settings.Get("max_tokens")
            ?? settings.Get("max_completion_tokens");
        double temperature = PythonValues.Real(settings.Get("temperature")) ?? 0;
        bool sample = settings.Get("do_sample")?.IsTrue ?? temperature > 0;
        return new TextSettings(
            until,
            PythonValues.Real(most) is { } tokens ? (int)tokens : null,
            sample ? temperature : 0,
            PythonValues.Real(settings.Get("top_p")) ?? 1,
            PythonValues.Whole(settings.Get("top_k")) ?? 0
        );
    }
}

/// <summary>A model that can be evaluated. Answers come in the order of requests.</summary>
public interface IEvaluatedModel
{
    /// <summary>How likely continuations are behind contexts.</summary>
    /// <param name="requests">contexts and continuations; a context may be empty</param>
    /// <param name="answered">called for each answer</param>
    /// <param name="cancelled">looked at between answers</param>
    IReadOnlyList<LogLikelihood> LogLikelihoods(
        IReadOnlyList<(string Context, string Continuation)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    );

    /// <summary>Log-likelihoods of whole texts, in windows where they are longer than the context.</summary>
    /// <param name="texts">the texts</param>
    /// <param name="answered">called for each answer</param>
    /// <param name="cancelled">looked at between answers</param>
    IReadOnlyList<double> RollingLogLikelihoods(
        IReadOnlyList<string> texts,
        Action? answered = null,
        CancellationToken cancelled = default
    );

    /// <summary>Texts that go on behind contexts.</summary>
    /// <param name="requests">contexts, and how the texts are made</param>
    /// <param name="answered">called for each answer</param>
    /// <param name="cancelled">looked at between answers</param>
    IReadOnlyList<string> Generate(
        IReadOnlyList<(string Context, TextSettings Settings)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    );
}
