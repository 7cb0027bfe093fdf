namespace Inkstone.Inference;

/// <summary>How the next token is chosen and when to stop; names and meanings of the OpenAI API, vLLM and transformers.</summary>
/// <param name="Temperature">divides the logits; 0 takes the likeliest token</param>
/// <param name="TopK">keep the k likeliest tokens; 0 keeps all</param>
/// <param name="TopP">keep the fewest tokens that hold this much probability (arXiv:1904.09751); 1 keeps all</param>
/// <param name="MinP">keep tokens with at least this part of the likeliest one's probability (arXiv:2407.01082)</param>
/// <param name="TypicalP">keep the tokens closest to the expected surprise that hold this much probability (arXiv:2202.00666); 1 keeps all</param>
/// <param name="EpsilonCutoff">drop tokens below this probability (arXiv:2210.15191)</param>
/// <param name="RepetitionPenalty">divides positive and multiplies negative logits of tokens seen in prompt or output (arXiv:1909.05858)</param>
/// <param name="FrequencyPenalty">subtracted once per occurrence in the output</param>
/// <param name="PresencePenalty">subtracted once for each token that occurs in the output</param>
/// <param name="NoRepeatNgramSize">forbids tokens that would complete an n-gram a second time; 0 forbids none</param>
/// <param name="MaxTokens">most tokens to make</param>
/// <param name="Seed">the same seed and prompt give the same text</param>
/// <param name="Stop">texts that end the output and are not part of it</param>
/// <param name="IgnoreEos">goes on after end-of-text tokens</param>
public sealed record SamplingParams(
    float Temperature = 1,
    int TopK = 0,
    float TopP = 1,
    float MinP = 0,
    float TypicalP = 1,
    float EpsilonCutoff = 0,
    float RepetitionPenalty = 1,
    float FrequencyPenalty = 0,
    float PresencePenalty = 0,
    int NoRepeatNgramSize = 0,
    int MaxTokens = 256,
    ulong Seed = 0,
    IReadOnlyList<string>? Stop = null,
    bool IgnoreEos = false)
{
    /// <summary>Always the likeliest token.</summary>
    public static SamplingParams Greedy(int maxTokens, bool ignoreEos = false) => new(Temperature: 0, MaxTokens: maxTokens, IgnoreEos: ignoreEos);

    /// <summary>Throws with the name of the first setting that makes no sense; returns itself.</summary>
    public SamplingParams Validate()
    {
        Require(float.IsFinite(Temperature) && Temperature >= 0, "temperature", Temperature, "0 or more");
        Require(TopK >= 0, "top_k", TopK, "0 or more");
        Require(TopP is > 0 and <= 1, "top_p", TopP, "above 0 and at most 1");
        Require(MinP is >= 0 and <= 1, "min_p", MinP, "from 0 to 1");
        Require(TypicalP is > 0 and <= 1, "typical_p", TypicalP, "above 0 and at most 1");
        Require(EpsilonCutoff is >= 0 and < 1, "epsilon_cutoff", EpsilonCutoff, "from 0 to below 1");
        Require(float.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, "repetition_penalty", RepetitionPenalty, "above 0");
        Require(FrequencyPenalty is >= -2 and <= 2, "frequency_penalty", FrequencyPenalty, "from -2 to 2");
        Require(PresencePenalty is >= -2 and <= 2, "presence_penalty", PresencePenalty, "from -2 to 2");
        Require(NoRepeatNgramSize >= 0, "no_repeat_ngram_size", NoRepeatNgramSize, "0 or more");
        Require(MaxTokens >= 0, "max_tokens", MaxTokens, "0 or more");
        Require(Stop is null || Stop.All(s => s.Length > 0), "stop", 0, "a list of texts that are not empty");
        return this;
    }

    private static void Require(bool holds, string name, float value, string wanted)
    {
        if (!holds)
        {
            throw new ArgumentException($"{name} must be {wanted}, it is {value.ToString(System.Globalization.CultureInfo.InvariantCulture)}.");
        }
    }
}
