using System.Globalization;
using System.Text.Json;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Server;

/// <summary>How tokens are chosen, by the names of OpenAI, vLLM and llama.cpp.</summary>
internal static class SamplingFields
{
    private const int MaxStops = 32,
        MaxBiases = 4096;

    /// <summary>The members of a body over what the model's files say.</summary>
    /// <param name="f">the body, or Ollama's options</param>
    /// <param name="usual">where a member is missing</param>
    /// <param name="options">limits</param>
    /// <param name="tokenizer">for logit_bias</param>
    /// <param name="maxTokens">names of the most tokens, the first that is given counts</param>
    public static SamplingParams Read(Fields f, SamplingParams usual, ServerOptions options, Tokenizer tokenizer, params string[] maxTokens)
    {
        int? most = null;
        foreach (string name in maxTokens)
        {
            most ??= f.Whole(name, -2);
        }
        most = most is < 0 ? null : most; // llama.cpp's and Ollama's "as many as there is room for"
        SamplingParams p = usual with
        {
            Temperature = (float?)f.Number("temperature", 0, 100) ?? usual.Temperature,
            TopP = Math.Max((float?)f.Number("top_p", 0, 1) ?? usual.TopP, 1e-9f),
            TopK = Math.Max(f.Whole("top_k", -1) ?? usual.TopK, 0),
            MinP = (float?)f.Number("min_p", 0, 1) ?? usual.MinP,
            TypicalP = Math.Max((float?)f.Number("typical_p", 0, 1) ?? usual.TypicalP, 1e-9f),
            RepetitionPenalty =
                (float?)(f.Number("repetition_penalty", 0.01, 100) ?? f.Number("repeat_penalty", 0.01, 100)) ?? usual.RepetitionPenalty,
            FrequencyPenalty = (float?)f.Number("frequency_penalty", -2, 2) ?? usual.FrequencyPenalty,
            PresencePenalty = (float?)f.Number("presence_penalty", -2, 2) ?? usual.PresencePenalty,
            MaxTokens = Math.Min(most ?? usual.MaxTokens, options.MaxTokens ?? int.MaxValue),
            MinNewTokens = f.Whole("min_tokens", 0) ?? usual.MinNewTokens,
            Seed = Seed(f),
            Stop = [.. usual.Stop ?? [], .. Stops(f)],
            IgnoreEos = f.Flag("ignore_eos") ?? usual.IgnoreEos,
            LogitBias = Biases(f, tokenizer),
        };
        if (f.Array("stop_token_ids") is { } ids)
        {
            p = p with { StopTokenIds = [.. p.StopTokenIds, .. ids.Select((_, i) => Id(f, "stop_token_ids", ids[i], tokenizer))] };
        }
        return p;
    }

    /// <summary>Without a seed, and with −1, every answer is another one.</summary>
    private static ulong Seed(Fields f)
    {
        if (f["seed"] is not { } value)
        {
            return (ulong)Random.Shared.NextInt64();
        }
        return
            value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out double seed)
            && seed == Math.Floor(seed)
            && Math.Abs(seed) < 1.9e19
            ? seed == -1
                ? (ulong)Random.Shared.NextInt64()
                : value.TryGetInt64(out long whole)
                    ? unchecked((ulong)whole)
                    : value.TryGetUInt64(out ulong big)
                        ? big
                        : unchecked((ulong)(long)seed)
            : throw f.Wrong("seed", "a whole number", value);
    }

    private static IEnumerable<string> Stops(Fields f)
    {
        string[] stops = f.Texts("stop") ?? f.Texts("stop_sequences") ?? [];
        return stops.Length > MaxStops ? throw f.Wrong("stop", $"at most {MaxStops} texts") : stops.Where(s => s.Length > 0);
    }

    private static Dictionary<int, float> Biases(Fields f, Tokenizer tokenizer)
    {
        Dictionary<int, float> biases = [];
        if (f["logit_bias"] is not { } value)
        {
            return biases;
        }
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty member in value.EnumerateObject())
            {
                Add(member.Name, member.Value);
            }
        }
        else if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement pair in value.EnumerateArray())
            {
                if (
                    pair.ValueKind != JsonValueKind.Array
                    || pair.GetArrayLength() != 2
                    || pair[0].ValueKind is not (JsonValueKind.Number or JsonValueKind.String)
                )
                {
                    throw f.Wrong("logit_bias", "pairs of a token and a bias", pair);
                }
                Add(pair[0].ToString(), pair[1]);
            }
        }
        else
        {
            throw f.Wrong("logit_bias", "an object of token ids and biases", value);
        }
        return biases;

        void Add(string token, JsonElement bias)
        {
            float by =
                bias.ValueKind == JsonValueKind.False ? float.NegativeInfinity
                : bias.ValueKind == JsonValueKind.Number && bias.TryGetDouble(out double b) && Math.Abs(b) <= 1e6 ? (float)b
                : throw f.Wrong("logit_bias", "biases that are numbers, or false", bias);
            // A text instead of an id: each of its tokens.
            int[] ids = int.TryParse(token, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int id)
                ? [id]
                : tokenizer.Encode(token, addSpecialTokens: false);
            foreach (int each in ids)
            {
                if (each < 0 || each >= tokenizer.VocabularySize || biases.Count > MaxBiases)
                {
                    throw ApiException.Bad(
                        f.Path("logit_bias"),
                        $"{f.Path("logit_bias")} names the token {each}; ids go from 0 to {tokenizer.VocabularySize - 1}, and at most {MaxBiases} can be named."
                    );
                }
                biases[each] = by;
            }
        }
    }

    public static int Id(Fields f, string name, JsonElement value, Tokenizer tokenizer) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0 && id < tokenizer.VocabularySize
            ? id
            : throw ApiException.Bad(
                f.Path(name),
                $"{f.Path(name)} must hold token ids from 0 to {tokenizer.VocabularySize - 1}, not {Fields.Shown(value)}."
            );
}
