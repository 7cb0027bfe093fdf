using System.Globalization;
using Inkstone.Grammar;

namespace Inkstone.Inference;

/// <summary>How the next token is chosen and when to stop; names and meanings of the OpenAI API, vLLM and transformers.</summary>
/// <param name="Temperature">divides the logits; below <see cref="LeastTemperature"/> the likeliest token is taken, which is the
/// limit</param>
/// <param name="TopK">keep the k likeliest tokens; 0 keeps all</param>
/// <param name="TopP">keep the fewest tokens that hold this much probability (arXiv:1904.09751); 1 keeps all</param>
/// <param name="MinP">keep tokens with at least this part of the likeliest one's probability (arXiv:2407.01082)</param>
/// <param name="TypicalP">keep the tokens closest to the expected surprise that hold this much probability (arXiv:2202.00666); 1 keeps
/// all</param>
/// <param name="EpsilonCutoff">drop tokens below this probability (arXiv:2210.15191)</param>
/// <param name="RepetitionPenalty">divides positive and multiplies negative logits of tokens seen in prompt or output
/// (arXiv:1909.05858)</param>
/// <param name="FrequencyPenalty">subtracted once per occurrence in the output</param>
/// <param name="PresencePenalty">subtracted once for each token that occurs in the output</param>
/// <param name="NoRepeatNgramSize">forbids tokens that would complete an n-gram a second time; 0 forbids none</param>
/// <param name="MaxTokens">most tokens to make</param>
/// <param name="Seed">the same seed and prompt give the same text</param>
/// <param name="Stop">texts that end the output and are not part of it; special tokens may be in them</param>
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
    bool IgnoreEos = false
)
{
    /// <summary>Temperatures below this one are 0: logits divided by them would leave float32.</summary>
    public const float LeastTemperature = 1e-5f;

    /// <summary>Tokens that end the output, beside the model's own end tokens, and are not part of it.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Tokens to make before an end token may come.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Most tokens of prompt and output together; null: what the context holds.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Tokens that are never made.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary>Tokens that the output does not begin with.</summary>
    public IReadOnlyList<int> BeginSuppressTokens { get; init; } = [];

    /// <summary>Sequences of tokens that are never made.</summary>
    public IReadOnlyList<int[]> BadWords { get; init; } = [];

    /// <summary>The form that the output has; null: any.</summary>
    public CompiledGrammar? Grammar { get; init; }

    /// <summary>What is added to the logits of some tokens before all else.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    /// <summary>Whether the likeliest token is always taken.</summary>
    public bool IsGreedy => Temperature < LeastTemperature;

    /// <summary>Always the likeliest token.</summary>
    public static SamplingParams Greedy(int maxTokens, bool ignoreEos = false) =>
        new(Temperature: 0, MaxTokens: maxTokens, IgnoreEos: ignoreEos);

    /// <summary>Throws with the name of the first setting that makes no sense; returns itself.</summary>
    /// <param name="shown">how a setting is called where it was made, such as --top-p; null: by its name</param>
    public SamplingParams Validate(Func<string, string>? shown = null)
    {
        Require(float.IsFinite(Temperature) && Temperature >= 0, "temperature", Temperature, "0 or more");
        Require(TopK >= 0, "top_k", TopK, "0 or more");
        Require(TopP is > 0 and <= 1, "top_p", TopP, "above 0 and at most 1");
        Require(MinP is >= 0 and <= 1, "min_p", MinP, "from 0 to 1");
        Require(TypicalP is > 0 and <= 1, "typical_p", TypicalP, "above 0 and at most 1");
        Require(EpsilonCutoff is >= 0 and < 1, "epsilon_cutoff", EpsilonCutoff, "from 0 to below 1");
        Require(RepetitionPenalty is >= 0.01f and <= 100, "repetition_penalty", RepetitionPenalty, "from 0.01 to 100");
        Require(FrequencyPenalty is >= -2 and <= 2, "frequency_penalty", FrequencyPenalty, "from -2 to 2");
        Require(PresencePenalty is >= -2 and <= 2, "presence_penalty", PresencePenalty, "from -2 to 2");
        Require(NoRepeatNgramSize >= 0, "no_repeat_ngram_size", NoRepeatNgramSize, "0 or more");
        Require(MaxTokens >= 0, "max_tokens", MaxTokens, "0 or more");
        Require(MinNewTokens >= 0, "min_new_tokens", MinNewTokens, "0 or more");
        Require(MaxLength is null or > 0, "max_length", MaxLength ?? 0, "above 0");
        return Stop is null || Stop.All(s => s.Length > 0)
            ? this
            : throw new ArgumentException($"{shown?.Invoke("stop") ?? "stop"} must be a text that is not empty.");

        void Require(bool holds, string name, float value, string wanted)
        {
            if (!holds)
            {
                throw new ArgumentException(
                    $"{shown?.Invoke(name) ?? name} must be {wanted}, it is {value.ToString(CultureInfo.InvariantCulture)}."
                );
            }
        }
    }
}
