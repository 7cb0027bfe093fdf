using System.Diagnostics;
using System.Text;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>Text from a model, one after the other: pieces as they are decided, up to a stop text.</summary>
/// <param name="model">who writes</param>
/// <param name="tokenizer">its tokenizer</param>
public sealed class TextGenerator(CausalLm model, Tokenizer tokenizer)
{
    private readonly List<int> _ids = [];
    private readonly StringBuilder _text = new();

    /// <summary>Tokens of the last text, those of a stop text of several tokens included.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>The last text, as far as it was handed out.</summary>
    public string Text => _text.ToString();

    /// <summary>Why the last text ended.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Seconds until the first token of the last text.</summary>
    public double FirstTokenSeconds { get; private set; }

    /// <summary>Seconds until the last token.</summary>
    public double TotalSeconds { get; private set; }

    /// <summary>Tokens of the last prompt that were not computed again.</summary>
    public int CachedTokens { get; private set; }

    /// <summary>Tokens of the last text that were guessed, and those that were right.</summary>
    public (long Guessed, long Accepted) Guesses { get; private set; }

    /// <summary>Tokens per second after the first; NaN when there were fewer than two.</summary>
    public double DecodeRate => _ids.Count > 1 ? (_ids.Count - 1) / (TotalSeconds - FirstTokenSeconds) : double.NaN;

    /// <summary>Pieces of text as they are decided; together they are the output without the stop text.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="p">how tokens are chosen, and what ends the text</param>
    /// <param name="useCache">false computes the whole sequence anew for each token: slow, the reference that the cache is tested
    /// against</param>
    /// <param name="guessing">options of an engine whose guesses count; null: none</param>
    /// <param name="cancelled">looked at before each part of the prompt and each token</param>
    public IEnumerable<string> Generate(
        IReadOnlyList<int> prompt,
        SamplingParams p,
        bool useCache = true,
        EngineOptions? guessing = null,
        CancellationToken cancelled = default
    )
    {
        using Engine engine = new(
            model,
            tokenizer,
            Generator.Options(prompt, p) with
            {
                KeepsCache = useCache,
                Guesses = guessing?.Guesses ?? 0,
                Draft = guessing?.Draft,
                GuessesAhead = guessing?.GuessesAhead ?? false,
            }
        );
        foreach (string piece in Generate(engine, new GenerationRequest(prompt, p), cancelled))
        {
            yield return piece;
        }
    }

    /// <summary>The same with an engine that is there already, such as one that remembers earlier texts.</summary>
    internal IEnumerable<string> Generate(Engine engine, GenerationRequest request, CancellationToken cancelled = default)
    {
        _ids.Clear();
        _text.Clear();
        (FirstTokenSeconds, TotalSeconds, FinishReason, CachedTokens) = (0, 0, FinishReason.Length, 0);
        long began = Stopwatch.GetTimestamp();
        Generation generation = engine.Add(request);
        foreach (GenerationOutput output in engine.Stream(generation, cancelled))
        {
            (FinishReason, CachedTokens) = (generation.FinishReason ?? FinishReason.Length, generation.CachedTokens);
            TotalSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            FirstTokenSeconds = _ids.Count == 0 ? TotalSeconds : FirstTokenSeconds;
            if (output.Id >= 0)
            {
                _ids.Add(output.Id);
            }
            if (output.Text.Length > 0)
            {
                _text.Append(output.Text);
                yield return output.Text;
            }
        }
        (FinishReason, CachedTokens, TotalSeconds) = (
            generation.FinishReason!.Value,
            generation.CachedTokens,
            Stopwatch.GetElapsedTime(began).TotalSeconds
        );
        FirstTokenSeconds = _ids.Count == 0 ? TotalSeconds : FirstTokenSeconds;
        Guesses = (engine.Statistics.Guessed, engine.Statistics.Accepted);
    }
}
