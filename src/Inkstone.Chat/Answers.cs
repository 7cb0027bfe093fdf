using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Chat;

/// <summary>How the text of answers is to be taken apart.</summary>
internal sealed record AnswerShape(ToolForm? Tools, bool Thoughts, bool InThought, ForcedCall? Forced, bool ParallelCalls, bool LogProbs);

/// <summary>Answers that are being made: one, or several to the same prompt.</summary>
public sealed class Answers
{
    private readonly Tokenizer _tokenizer;
    private readonly AnswerShape _shape;
    private readonly HashSet<int> _markers;

    internal Answers(Tokenizer tokenizer, int promptTokens, IReadOnlyList<Generation> generations, AnswerShape shape)
    {
        (_tokenizer, PromptTokens, Generations, _shape) = (tokenizer, promptTokens, generations, shape);
        // Markers that are special tokens are hidden from the text and have to be read from the ids.
        string[] markers =
        [
            .. shape.Tools?.Opens ?? [],
            .. shape.Tools?.Closes ?? [],
            "<｜tool▁sep｜>",
            "[ARGS]",
            "[CALL_ID]",
            "<think>",
            "</think>",
        ];
        _markers =
        [
            .. shape.Tools is null && !shape.Thoughts ? [] : markers.Select(tokenizer.TokenToId).OfType<int>().Where(tokenizer.IsSpecial),
        ];
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>The texts that the engine makes.</summary>
    public IReadOnlyList<Generation> Generations { get; }

    /// <summary>Tokens of all answers so far.</summary>
    public int CompletionTokens => Generations.Sum(g => g.Ids.Length);

    /// <summary>Tokens of the prompt that had been computed before.</summary>
    public int CachedTokens => Math.Min(PromptTokens, Generations.GroupBy(g => g.Request.Prompt).Sum(texts => texts.First().CachedTokens));

    /// <summary>Ends all of them.</summary>
    public void Cancel()
    {
        foreach (Generation generation in Generations)
        {
            generation.Cancel();
        }
    }

    /// <summary>Parts of all answers as they come; each answer ends with <see cref="PieceKind.End"/>. One reader.</summary>
    /// <exception cref="InvalidOperationException">The engine failed.</exception>
    public IAsyncEnumerable<AnswerPiece> ReadAllAsync(CancellationToken cancelled = default) =>
        Generations.Count == 1 ? Read(0, cancelled) : ReadTogether(cancelled);

    private async IAsyncEnumerable<AnswerPiece> ReadTogether([EnumeratorCancellation] CancellationToken cancelled)
    {
        Channel<AnswerPiece> pieces = Channel.CreateUnbounded<AnswerPiece>();
        Task all = Task.WhenAll(
            Generations.Select(
                async (_, choice) =>
                {
                    await foreach (AnswerPiece piece in Read(choice, cancelled).ConfigureAwait(false))
                    {
                        await pieces.Writer.WriteAsync(piece, cancelled).ConfigureAwait(false);
                    }
                }
            )
        );
        _ = all.ContinueWith(done => pieces.Writer.Complete(done.Exception?.GetBaseException()), TaskScheduler.Default);
        await foreach (AnswerPiece piece in pieces.Reader.ReadAllAsync(cancelled).ConfigureAwait(false))
        {
            yield return piece;
        }
    }

    private async IAsyncEnumerable<AnswerPiece> Read(int choice, [EnumeratorCancellation] CancellationToken cancelled)
    {
        Generation generation = Generations[choice];
        List<AnswerPiece> ready = [];
        List<GenerationOutput> tokens = [];
        bool called = false;
        AnswerReader reader = Reader((kind, text, call) => Tell(ready, choice, kind, text, call));
        await foreach (GenerationOutput output in generation.ReadAllAsync(cancelled).ConfigureAwait(false))
        {
            if (_shape.LogProbs && output.Id >= 0)
            {
                tokens.Add(output);
            }
            if (_markers.Contains(output.Id))
            {
                reader.Add(output.Text);
                reader.Add(_tokenizer.IdToToken(output.Id));
            }
            else if (output.Text.Length > 0)
            {
                reader.Add(output.Text);
            }
            foreach (AnswerPiece piece in Flush(ready, tokens))
            {
                yield return piece;
            }
            if ((!_shape.ParallelCalls || _shape.Forced is not null) && reader.FirstCallEnded)
            {
                generation.Cancel();
                called = true;
                break;
            }
        }
        reader.End();
        foreach (AnswerPiece piece in Flush(ready, tokens))
        {
            yield return piece;
        }
        AnswerEnd end = called
            ? AnswerEnd.Tools
            : generation.FinishReason switch
            {
                FinishReason.Length => AnswerEnd.Length,
                FinishReason.Cancelled => AnswerEnd.Cancelled,
                _ => reader.Calls > 0 ? AnswerEnd.Tools : AnswerEnd.Stop,
            };
        yield return new AnswerPiece(choice, PieceKind.End, "")
        {
            End = end,
            StopText = generation.StopText,
            Tokens = [.. tokens],
        };
    }

    private AnswerReader Reader(Action<PieceKind, string, int> tell) =>
        _shape.Forced is { } forced
            ? AnswerReader.OfForcedCall(_shape.Tools!, forced.Name, tell)
            : new AnswerReader(_shape.Tools, _shape.Thoughts, _shape.InThought, tell);

    /// <summary>Adds a piece, to the last one where it goes on.</summary>
    private static void Tell(List<AnswerPiece> ready, int choice, PieceKind kind, string text, int call)
    {
        if (kind != PieceKind.Call && ready is [.., AnswerPiece last] && last.Kind == kind && last.Call == call)
        {
            ready[^1] = last with { Text = last.Text + text };
            return;
        }
        ready.Add(
            new AnswerPiece(choice, kind, text)
            {
                Call = call,
                CallId = kind == PieceKind.Call ? "call_" + Guid.NewGuid().ToString("N")[..24] : null,
            }
        );
    }

    private static IEnumerable<AnswerPiece> Flush(List<AnswerPiece> ready, List<GenerationOutput> tokens)
    {
        foreach (AnswerPiece piece in ready)
        {
            yield return tokens.Count == 0 ? piece : piece with { Tokens = [.. tokens] };
            tokens.Clear();
        }
        ready.Clear();
    }
}
