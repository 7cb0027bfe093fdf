using Inkstone.Models;

namespace Inkstone.Inference;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-text token or a stop text.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the model's context, is used up.</summary>
    Length,

    /// <summary>It was no longer wanted.</summary>
    Cancelled,
}

/// <summary>Tokens from a model, one text after the other, without a tokenizer.</summary>
public sealed class Generator(CausalLm model)
{
    /// <summary>Why the last text ended.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>New tokens, as they come; tokens that end the text are not among them.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="p">how tokens are chosen</param>
    /// <param name="useCache">false computes the whole sequence anew for each token: slow, the reference that the cache is tested
    /// against</param>
    /// <param name="cancelled">looked at before each part of the prompt and each token</param>
    public IEnumerable<int> Generate(
        IReadOnlyList<int> prompt,
        SamplingParams p,
        bool useCache = true,
        CancellationToken cancelled = default
    )
    {
        using Engine engine = new(model, null, Options(prompt, p) with { KeepsCache = useCache });
        Generation generation = engine.Add(new GenerationRequest(prompt, p));
        foreach (GenerationOutput output in engine.Stream(generation, cancelled))
        {
            FinishReason = generation.FinishReason ?? FinishReason.Length;
            yield return output.Id;
        }
        FinishReason = generation.FinishReason!.Value;
    }

    /// <summary>An engine for one text.</summary>
    internal static EngineOptions Options(IReadOnlyList<int> prompt, SamplingParams p) =>
        new()
        {
            MaxSequences = 1,
            MaxLength = (int)Math.Min(int.MaxValue, Math.Max(1, prompt.Count) + Math.Max(0L, p.MaxTokens)),
            PrefixSharing = false,
        };
}
