using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>A text that an engine is making.</summary>
public sealed class Generation
{
    private readonly int[] _ids; // prompt and output, with room for all of it
    private readonly Queue<GenerationOutput> _outputs = new();
    private readonly List<TokenLogProb> _promptLogProbs = [];
    private readonly TextStream? _text;
    private readonly int[] _guesses;
    private int _count,
        _guessCount;
    private volatile bool _cancelled;

    internal Generation(GenerationRequest request, SamplingParams sampling, int longest, Tokenizer? tokenizer, int guesses = 0)
    {
        _guesses = new int[guesses];
        (Request, Sampling) = (request, sampling);
        _ids = new int[longest];
        for (int i = 0; i < request.Prompt.Count; i++)
        {
            _ids[i] = request.Prompt[i];
        }
        _count = request.Prompt.Count;
        _text = tokenizer is null ? null : new TextStream(tokenizer, request.Prompt, sampling.Stop ?? []);
    }

    /// <summary>What it was asked for.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Tokens so far; those that end the text are not among them.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(Request.Prompt.Count, _count - Request.Prompt.Count);

    /// <summary>Why it ended; null: it has not.</summary>
    public FinishReason? FinishReason { get; private set; }

    /// <summary>The stop text of its request that ended it; null where something else did.</summary>
    public string? StopText { get; private set; }

    /// <summary>The token that ended it, which is not among <see cref="Ids"/>, with its log-probability (NaN where these were not asked
    /// for); null where something else did.</summary>
    public (int Id, float LogProb)? EndToken { get; private set; }

    /// <summary>Tokens of the prompt that were not computed because another text had begun alike.</summary>
    public int CachedTokens { get; internal set; }

    /// <summary>Log-probabilities of the prompt's tokens, from <see cref="GenerationRequest.PromptLogProbs"/> on. Complete when the first
    /// token has come or the text has ended.</summary>
    public IReadOnlyList<TokenLogProb> PromptLogProbs => _promptLogProbs;

    /// <summary>Why the engine could not go on with it, or null.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Ends it before the next step and frees its memory; its reader sees the end with <see cref="FinishReason.Cancelled"/>. From
    /// any thread.</summary>
    public void Cancel() => _cancelled = true;

    /// <summary>The next token that has come; false where none waits.</summary>
    public bool TryRead(out GenerationOutput output) => _outputs.TryDequeue(out output);

    /// <summary>Tokens of an <see cref="AsyncEngine"/> as they come, until the text ends. One reader. Cancelling the token cancels the
    /// text.</summary>
    /// <exception cref="InvalidOperationException">The engine failed; the message says how.</exception>
    public async IAsyncEnumerable<GenerationOutput> ReadAllAsync([EnumeratorCancellation] CancellationToken cancelled = default)
    {
        ChannelReader<GenerationOutput> reader = (
            Channel ?? throw new InvalidOperationException("only a text of an AsyncEngine can be awaited; read others with TryRead")
        ).Reader;
        using CancellationTokenRegistration _ = cancelled.Register(Cancel);
        await foreach (GenerationOutput output in reader.ReadAllAsync(cancelled).ConfigureAwait(false))
        {
            yield return output;
        }
    }

    internal SamplingParams Sampling { get; }

    /// <summary>What the model wears for it, or null.</summary>
    internal Adapter? Adapter { get; init; }

    /// <summary>Where an engine with a thread of its own puts the tokens.</summary>
    internal Channel<GenerationOutput>? Channel { get; init; }

    /// <summary>What is computed of it; null while it waits.</summary>
    internal CachedSequence? Sequence { get; set; }

    internal ReadOnlySpan<int> Known => _ids.AsSpan(0, _count);

    /// <summary>Tokens that may come next, computed with the last known one.</summary>
    internal ReadOnlySpan<int> Guesses => _guesses.AsSpan(0, _guessCount);

    internal int PromptLength => Request.Prompt.Count;

    internal bool IsCancelled => _cancelled;

    /// <summary>Whether memory of the longest text is used up.</summary>
    private bool IsFull => _count == _ids.Length;

    /// <summary>First token of the prompt whose log-probability is still wanted; the prompt's length when all are known.</summary>
    internal int NextPromptLogProb => Request.PromptLogProbs is { } from ? Math.Max(from, 1) + _promptLogProbs.Count : PromptLength;

    /// <summary>Guesses at most <paramref name="most"/> tokens, as many as there is room for beside the one that is chosen
    /// anyway.</summary>
    internal void Guess(int most) =>
        _guessCount = PromptLookup.Guess(
            Known,
            _guesses.AsSpan(0, Math.Clamp(Math.Min(most, _ids.Length - _count - 1), 0, _guesses.Length))
        );

    internal void ForgetGuesses() => _guessCount = 0;

    internal void AddGuess(int id) => _guesses[_guessCount++] = id;

    /// <summary>Tokens that may still be made.</summary>
    internal int Room => _ids.Length - _count;

    internal void AddPromptLogProb(TokenLogProb token) => _promptLogProbs.Add(token);

    /// <summary>Takes a token that was chosen; ends the text where that or the token is its end.</summary>
    internal void Add(int id, float logProb, IReadOnlyList<TokenLogProb> top)
    {
        if (Sampling.StopTokenIds.Contains(id))
        {
            EndToken = (id, logProb);
            StopText = _text?.StopOf(id);
            End(Inference.FinishReason.Stop);
            return;
        }
        _ids[_count++] = id;
        _outputs.Enqueue(new GenerationOutput(id, _text?.Add(id) ?? "", logProb, top));
        if (_text is { StopText: { } stop })
        {
            StopText = stop;
            End(Inference.FinishReason.Stop);
        }
        else if (IsFull || Request.Mask is { IsFinished: true })
        {
            End(IsFull ? Inference.FinishReason.Length : Inference.FinishReason.Stop);
        }
    }

    internal void End(FinishReason reason, Exception? failure = null)
    {
        string rest = _text?.Flush() ?? "";
        if (_text is { StopText: { } stop } && StopText is null)
        {
            (StopText, reason) = (stop, Inference.FinishReason.Stop);
        }
        if (rest.Length > 0)
        {
            _outputs.Enqueue(new GenerationOutput(-1, rest, float.NaN, []));
        }
        (FinishReason, Failure) = (reason, failure);
    }
}
