using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Evaluation;

/// <summary>How a model of this machine is evaluated.</summary>
/// <param name="MaxLength">most tokens that are fed; null for what the model's context holds</param>
/// <param name="MaxGenTokens">most tokens of a text whose task says nothing</param>
/// <param name="AddBosToken">whether a begin token stands before each text; null leaves it to the tokenizer</param>
/// <param name="ThinkEnd">what ends a thought; a text begins behind the last of them</param>
/// <param name="Seed">seed of texts that are drawn</param>
public sealed record LocalModelOptions(
    int? MaxLength = null,
    int MaxGenTokens = 256,
    bool? AddBosToken = null,
    string? ThinkEnd = null,
    ulong Seed = 0
)
{
    /// <summary>The id of a token that ends a thought, instead of its text.</summary>
    public int? ThinkEndToken { get; init; }

    /// <summary>Whether what requests have in common is computed once; the scores are the same either way.</summary>
    public bool PrefixSharing { get; init; } = true;
}

/// <summary>A text that a model wrote.</summary>
/// <param name="Prompt">tokens that it was given</param>
/// <param name="Ids">tokens that it made</param>
/// <param name="Text">their text, behind a thought and before the stop texts</param>
public sealed record GeneratedText(int[] Prompt, int[] Ids, string Text);

/// <summary>A model of this machine as one that can be evaluated: the engine computes requests side by side, and what they have in common
/// once.</summary>
public sealed class LocalModel : IEvaluatedModel
{
    private readonly CausalLm _model;
    private readonly Tokenizer _tokenizer;
    private readonly LocalModelOptions _options;
    private readonly TokenScorer _scorer;
    private readonly Action<string>? _warn;

    /// <summary>Wraps a model, which stays its owner's.</summary>
    /// <param name="model">the model</param>
    /// <param name="tokenizer">its tokenizer</param>
    /// <param name="options">lengths and begin token</param>
    /// <param name="warn">takes a sentence about requests whose text is cut</param>
    public LocalModel(CausalLm model, Tokenizer tokenizer, LocalModelOptions? options = null, Action<string>? warn = null)
    {
        (_model, _tokenizer, _options, _warn) = (model, tokenizer, options ?? new LocalModelOptions(), warn);
        MaxLength = _options.MaxLength ?? model.MaxPositionEmbeddings;
        Splitter = new TokenSplitter(tokenizer, _options.AddBosToken);
        _scorer = new TokenScorer(model, MaxLength, _options.PrefixSharing);
        if (MaxLength > model.MaxPositionEmbeddings || MaxLength < 2)
        {
            throw new ArgumentException($"--max-length is {MaxLength}, and the model's context holds {model.MaxPositionEmbeddings}");
        }
    }

    /// <summary>Most tokens that are fed.</summary>
    public int MaxLength { get; }

    /// <summary>Cuts requests into tokens.</summary>
    public TokenSplitter Splitter { get; }

    /// <inheritdoc/>
    public IReadOnlyList<LogLikelihood> LogLikelihoods(
        IReadOnlyList<(string Context, string Continuation)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    )
    {
        ScoredTokens[] tokens = [.. requests.Select(r => Splitter.Split(r.Context, r.Continuation))];
        int lost = Enumerable
            .Range(0, requests.Count)
            .Count(i => Splitter.LosesText(tokens[i], requests[i].Context, requests[i].Continuation));
        if (lost > 0)
        {
            _warn?.Invoke(
                $"in {lost} of {requests.Count} requests a token spans the joint of context and continuation, so that other text is scored than was written, as in lm-evaluation-harness"
            );
        }
        int cut = tokens.Count(t => t.Context.Length + t.Continuation.Length > MaxLength + 1);
        if (cut > 0)
        {
            _warn?.Invoke($"{cut} of {requests.Count} requests are longer than {MaxLength} tokens and lose their beginning");
        }
        return _scorer.Score(tokens, answered, cancelled);
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> RollingLogLikelihoods(
        IReadOnlyList<string> texts,
        Action? answered = null,
        CancellationToken cancelled = default
    )
    {
        if (texts.Any(t => Splitter.Encode(t) is [var first, ..] && first == Splitter.PrefixToken))
        {
            _warn?.Invoke(
                "the tokenizer puts its begin token before each text, and that token is scored too, as in lm-evaluation-harness; --add-bos-token false scores the text alone"
            );
        }
        List<double> sums = [];
        foreach (string text in texts)
        {
            double sum = 0;
            foreach (ScoredTokens window in Splitter.Windows(text, MaxLength))
            {
                cancelled.ThrowIfCancellationRequested();
                sum += _scorer.Sum(window);
            }
            sums.Add(sum);
            answered?.Invoke();
        }
        return sums;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Generate(
        IReadOnlyList<(string Context, TextSettings Settings)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    )
    {
        TextMaker.Wanted[] wanted = [.. requests.Select((r, i) => Wanted(r.Context, r.Settings, (ulong)i))];
        return [.. new TextMaker(_model, _tokenizer).Make(wanted, answered, cancelled).Zip(requests, (ids, r) => Text(ids, r.Settings))];
    }

    /// <summary>One text, with its tokens.</summary>
    /// <param name="context">what stands before it</param>
    /// <param name="settings">how it is made</param>
    public GeneratedText Write(string context, TextSettings settings)
    {
        TextMaker.Wanted wanted = Wanted(context, settings, 0);
        int[] ids = new TextMaker(_model, _tokenizer).Make([wanted], null, default)[0];
        return new GeneratedText(wanted.Prompt, ids, Text(ids, settings));
    }

    /// <summary>Tokens of a prompt of CORE: one begin token before it, whatever the tokenizer does.</summary>
    internal int[] CoreTokens(string prompt) => [Splitter.PrefixToken, .. _tokenizer.Encode(prompt, addSpecialTokens: false)];

    /// <summary>Log-likelihoods of tokens behind tokens.</summary>
    internal IReadOnlyList<LogLikelihood> Score(ScoredTokens[] tokens, Action? answered, CancellationToken cancelled) =>
        _scorer.Score(tokens, answered, cancelled);

    private TextMaker.Wanted Wanted(string context, TextSettings settings, ulong number) =>
        new(
            Prompt(context, settings),
            new SamplingParams(
                Temperature: (float)settings.Temperature,
                TopK: settings.TopK,
                TopP: (float)settings.TopP,
                MaxTokens: settings.MaxTokens ?? _options.MaxGenTokens,
                Seed: _options.Seed + number
            ),
            [.. Stops(settings)]
        );

    /// <summary>The prompt's tokens; where they are too many their beginning is cut.</summary>
    private int[] Prompt(string context, TextSettings settings)
    {
        int most = settings.MaxTokens ?? _options.MaxGenTokens,
            room = MaxLength - most;
        if (room <= 0)
        {
            throw new InvalidDataException(
                $"{most} tokens are to be made, and the model's context holds {MaxLength}, so nothing is left for the prompt; lower them: --gen-kwargs max_gen_toks=N."
            );
        }
        int[] ids = Splitter.EncodePrompt(context);
        return ids.Length == 0 ? throw new InvalidDataException("a prompt has no tokens; write something before the answer.")
            : ids.Length > room ? ids[^room..]
            : ids;
    }

    /// <summary>The text of new tokens: behind a thought, before each stop text.</summary>
    private string Text(int[] ids, TextSettings settings)
    {
        if (_options.ThinkEndToken is { } end)
        {
            ids = ids[(Array.LastIndexOf(ids, end) + 1)..];
        }
        string text = _tokenizer.Decode(ids, skipSpecialTokens: true);
        text = _options.ThinkEndToken is null ? text : Jinja.PythonText.Strip(text, null, end: false);
        if (_options.ThinkEnd is { Length: > 0 } mark)
        {
            int at = text.LastIndexOf(mark, StringComparison.Ordinal);
            text = Jinja.PythonText.Strip(at < 0 ? text : text[(at + mark.Length)..], null, end: false);
        }
        return Cut(text, Stops(settings));
    }

    /// <summary>Text before each stop text, one after the other.</summary>
    private static string Cut(string text, IEnumerable<string> stops) =>
        stops
            .Where(s => s.Length > 0)
            .Aggregate(text, (rest, stop) => rest.IndexOf(stop, StringComparison.Ordinal) is >= 0 and var at ? rest[..at] : rest);

    private IEnumerable<string> Stops(TextSettings settings) =>
        _tokenizer.EosId is { } eos && !settings.Until.Contains(_tokenizer.IdToToken(eos))
            ? settings.Until.Append(_tokenizer.IdToToken(eos))
            : settings.Until;
}
