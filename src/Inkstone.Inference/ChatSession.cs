using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>
/// Answers in conversations with one model: messages in, streamed text out. The conversation is the caller's; what the model has computed
/// of it is kept from
/// one answer to the next, so only new tokens cost time, and a conversation that is changed is computed from where it differs.
/// </summary>
/// <param name="model">who answers</param>
/// <param name="tokenizer">its tokenizer, whose template renders conversations</param>
/// <param name="variables">further variables of the template, such as enable_thinking</param>
public sealed class ChatSession(CausalLm model, Tokenizer tokenizer, JsonObject? variables = null) : IDisposable
{
    private readonly TextGenerator _text = new(model, tokenizer);
    private readonly Engine _engine = new(model, tokenizer, new EngineOptions { MaxSequences = 1 });
    private readonly ChatPrompt _prompt = new(tokenizer, variables);

    /// <summary>What is done for want of a chat template; null when there is one.</summary>
    public string? Manner => _prompt.Manner;

    /// <summary>The last answer, as far as it was handed out: an answer that was cut short can be kept.</summary>
    public string Text => _text.Text;

    /// <summary>Why the last answer ended. Length: its allowed number of tokens, or the context, was used up.</summary>
    public FinishReason FinishReason => _text.FinishReason;

    /// <summary>Whether it ended because the context is full.</summary>
    public bool ContextIsFull => FinishReason == FinishReason.Length && PromptTokens + NewTokens >= model.MaxPositionEmbeddings;

    /// <summary>Tokens of the conversation before the last answer.</summary>
    public int PromptTokens { get; private set; }

    /// <summary>How many of them were already computed.</summary>
    public int ReusedTokens => _text.CachedTokens;

    /// <summary>Tokens of the last answer.</summary>
    public int NewTokens => _text.Ids.Count;

    /// <summary>Seconds until its first token.</summary>
    public double FirstTokenSeconds => _text.FirstTokenSeconds;

    /// <summary>Tokens per second after the first; NaN when there were fewer than two.</summary>
    public double DecodeRate => _text.DecodeRate;

    /// <summary>Oldest turns that the last answer did not see, because the context holds no more.</summary>
    public int DroppedTurns { get; private set; }

    /// <summary>The answer to the last message, in pieces as they are decided. A quarter of the context is kept free for it where that many
    /// tokens are allowed.</summary>
    /// <param name="messages">objects with role and content; a message of the system comes first</param>
    /// <param name="p">how tokens are chosen</param>
    /// <param name="cancelled">ends the answer with an <see cref="OperationCanceledException"/>; <see cref="Text"/> has what was
    /// said</param>
    public IEnumerable<string> Answer(JsonArray messages, SamplingParams p, CancellationToken cancelled = default)
    {
        (int[] ids, DroppedTurns) = _prompt.Encode(
            messages,
            model.MaxPositionEmbeddings,
            Math.Clamp(p.MaxTokens, 1, Math.Max(1, model.MaxPositionEmbeddings / 4))
        );
        PromptTokens = ids.Length;
        p = p with
        {
            Stop = [.. p.Stop ?? [], .. _prompt.Stops],
            StopTokenIds = p.IgnoreEos ? p.StopTokenIds : [.. p.StopTokenIds, .. _prompt.EndTokens],
        };
        return _text.Generate(_engine, new GenerationRequest(ids, p), cancelled);
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();
}
