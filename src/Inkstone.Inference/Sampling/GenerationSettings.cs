using System.Text.Json.Nodes;
using Inkstone.Formats;

namespace Inkstone.Inference;

/// <summary>What a model's generation_config.json says of choosing tokens, with the meanings of transformers.</summary>
public sealed class GenerationSettings
{
    /// <summary>Temperature and top-p where tokens are drawn and the file does not say how.</summary>
    public const float UsualTemperature = 0.8f,
        UsualTopP = 0.95f;

    /// <summary>Keys that are read elsewhere, or that say how transformers computes and not what.</summary>
    private static readonly string[] Harmless =
    [
        "_from_model_config",
        "transformers_version",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "decoder_start_token_id",
        "use_cache",
        "cache_implementation",
        "cache_config",
        "return_legacy_cache",
        "return_dict_in_generate",
        "output_scores",
        "output_logits",
        "output_attentions",
        "output_hidden_states",
        "disable_compile",
        "compile_config",
        "low_memory",
        "chat_format",
        "max_window_size",
        "user_token_id",
        "assistant_token_id",
        "trust_remote_code",
        "prefill_chunk_size",
        "max_matching_ngram_size",
        "num_assistant_tokens",
        "num_assistant_tokens_schedule",
        "assistant_confidence_threshold",
        "prompt_lookup_num_tokens",
        "assistant_lookbehind",
        "target_lookbehind",
        "is_assistant",
    ];

    /// <summary>Keys that mean nothing without several beams.</summary>
    private static readonly string[] OfBeams = ["length_penalty", "early_stopping", "diversity_penalty", "num_beam_groups"];

    private static readonly string[] Drawing = ["temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff"];

    private readonly SamplingParams _base;

    private GenerationSettings(SamplingParams sampling, bool? doSample, int? maxNewTokens, IReadOnlyList<string> notApplied) =>
        (_base, DoSample, MaxNewTokens, NotApplied) = (sampling, doSample, maxNewTokens, notApplied);

    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; private init; } = HfDirectory.GenerationConfigFile;

    /// <summary>Whether tokens are drawn (true) or the likeliest is taken (false); null where the file does not say.</summary>
    public bool? DoSample { get; }

    /// <summary>Whether the file has a setting that only matters where tokens are drawn.</summary>
    public bool SaysHow { get; private init; }

    /// <summary>Most tokens to make; null where the file does not say.</summary>
    public int? MaxNewTokens { get; }

    /// <summary>Keys whose values would change the text, and that are not applied here.</summary>
    public IReadOnlyList<string> NotApplied { get; }

    /// <summary>The settings of the file: as they are where tokens are drawn, with temperature 0 where not.</summary>
    public SamplingParams Sampling(bool drawn) => drawn ? _base : _base with { Temperature = 0 };

    /// <summary>Reads the file's content; null: there is none.</summary>
    /// <exception cref="InvalidDataException">A value makes no sense; the message names file and key.</exception>
    public static GenerationSettings Read(HfConfig? file)
    {
        HfConfig c = file ?? HfConfig.Parse("{}");
        HashSet<string> read = new(Harmless, StringComparer.Ordinal);
        string Key(string key)
        {
            read.Add(key);
            return key;
        }

        if (!(c.Number("num_beams", 1) > 1))
        {
            read.UnionWith(OfBeams);
        }
        bool? doSample = c.Has(Key("do_sample")) ? c.Bool("do_sample", false) : null;
        float Number(string key, float absent) => (float)c.Number(Key(key), absent);
        int Whole(string key) => c.Int(Key(key), 0);
        // A file that asks for draws says how, and what it leaves out is neutral; one that does not leaves the choice to this program.
        SamplingParams p = new(
            Number("temperature", doSample == true ? 1 : UsualTemperature),
            Whole("top_k"),
            Number("top_p", doSample == true ? 1 : UsualTopP),
            Number("min_p", 0),
            Number("typical_p", 1),
            Number("epsilon_cutoff", 0),
            Number("repetition_penalty", 1),
            NoRepeatNgramSize: Whole("no_repeat_ngram_size"),
            Stop: Texts(c, Key("stop_strings"))
        )
        {
            MinNewTokens = Whole("min_new_tokens"),
            SuppressTokens = c.Ints(Key("suppress_tokens")),
            BeginSuppressTokens = c.Ints(Key("begin_suppress_tokens")),
            BadWords = Words(c, Key("bad_words_ids")),
        };
        int? maxNewTokens = c.Has(Key("max_new_tokens")) ? c.Int("max_new_tokens") : null;
        if (c.Has(Key("max_length")) && maxNewTokens is null)
        {
            p = p with { MaxLength = c.Int("max_length") };
        }
        try
        {
            p = (p with { MaxTokens = maxNewTokens ?? p.MaxTokens }).Validate(key =>
                $"\"{(key == "max_tokens" ? "max_new_tokens" : key)}\""
            );
        }
        catch (ArgumentException fault)
        {
            throw new InvalidDataException($"{c.Source}: {fault.Message}", fault);
        }
        return new GenerationSettings(p, doSample, maxNewTokens, [.. c.Keys.Where(key => !read.Contains(key) && !IsNeutral(c, key))])
        {
            Source = c.Source,
            SaysHow = Drawing.Any(c.Has),
        };
    }

    /// <summary>Values that switch a setting off: in transformers these are null, false, 0, 1 and nothing; a forced token is always
    /// one.</summary>
    private static bool IsNeutral(HfConfig c, string key) =>
        !c.Has(key)
        || (
            !key.StartsWith("forced_", StringComparison.Ordinal)
            && JsonNode.Parse(c.ToJson())![key]!.ToJsonString() is "false" or "0" or "1" or "0.0" or "1.0" or "\"\"" or "[]" or "{}"
        );

    private static string[] Texts(HfConfig c, string key) => c.IsText(key) ? [c.Text(key)] : c.Texts(key);

    private static int[][] Words(HfConfig c, string key)
    {
        try
        {
            return JsonNode.Parse(c.ToJson())![key] is JsonArray words
                ? [.. words.Select(word => word!.AsArray().Select(id => id!.GetValue<int>()).ToArray()).Where(word => word.Length > 0)]
                : [];
        }
        catch (Exception fault) when (fault is InvalidOperationException or NullReferenceException or FormatException)
        {
            throw new InvalidDataException($"{c.Source}: \"{key}\" must be a list of lists of token ids.", fault);
        }
    }
}
