using System.CommandLine;
using Inkstone.Inference;

namespace Inkstone.Cli;

/// <summary>The flags of <c>generate</c> and <c>chat</c> that say how tokens are chosen. What they leave out generation_config.json
/// says.</summary>
/// <param name="draws">whether tokens are drawn where neither flags nor generation_config.json say so; else the likeliest is taken</param>
/// <param name="maxTokens">most tokens where neither says so; null: what the context holds</param>
internal sealed class SamplingFlags(bool draws, int? maxTokens)
{
    private static readonly string Usual = Format.Text($"default: generation_config.json's, else {GenerationSettings.UsualTemperature}");

    private readonly Option<int> _maxTokens = new("--max-tokens")
    {
        Description =
            $"most tokens to write; default: generation_config.json's, else {maxTokens?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "what the context holds"}",
        HelpName = "N",
    };
    private readonly Option<float> _temperature = new("--temperature")
    {
        Description =
            "0 (or below 0.00001) always takes the likeliest token; "
            + Usual
            + (
                draws
                    ? "; do_sample false in that file: 0"
                    : "; without this flag, --top-k, --top-p, --min-p or do_sample true in that file: 0"
            ),
        HelpName = "X",
    };

    private readonly Option<int> _topK = new("--top-k")
    {
        Description = "choose among the N likeliest; 0: all; default: generation_config.json's, else 0",
        HelpName = "N",
    };
    private readonly Option<float> _topP = new("--top-p")
    {
        Description = Format.Text(
            $"choose among the likeliest that hold this much probability; default: generation_config.json's, else {GenerationSettings.UsualTopP}"
        ),
        HelpName = "X",
    };
    private readonly Option<float> _minP = new("--min-p")
    {
        Description =
            "leave out what has less than this part of the likeliest one's probability; default: generation_config.json's, else 0",
        HelpName = "X",
    };
    private readonly Option<float> _repetition = new("--repetition-penalty")
    {
        Description = "above 1: seen tokens become less likely; default: generation_config.json's, else 1",
        HelpName = "X",
    };
    private readonly Option<float> _frequency = new("--frequency-penalty")
    {
        Description = "subtracted per occurrence in the output",
        HelpName = "X",
        DefaultValueFactory = _ => 0f,
    };
    private readonly Option<float> _presence = new("--presence-penalty")
    {
        Description = "subtracted for tokens that occur in the output",
        HelpName = "X",
        DefaultValueFactory = _ => 0f,
    };
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "end before this text, which may be a special token (repeatable)",
        HelpName = "S",
    };
    private readonly Option<bool> _ignoreEos = new("--ignore-eos") { Description = "go on after end-of-text tokens" };

    public IReadOnlyList<Symbol> All =>
        [_maxTokens, _temperature, _topK, _topP, _minP, _repetition, _frequency, _presence, _stop, _ignoreEos];

    /// <summary>The flags over the settings of the model at <paramref name="path"/>. Without <c>--seed</c> every call draws another
    /// one.</summary>
    public SamplingParams Read(CommandContext call, string path)
    {
        GenerationSettings file = GenerationSettings.Read(Models.GenerationConfig(path));
        bool asked = new Option[] { _temperature, _topK, _topP, _minP }.Any(call.Has);
        SamplingParams p = file.Sampling(asked || (file.DoSample ?? draws));
        SamplingParams result = (
            p with
            {
                MaxTokens = call.Has(_maxTokens)
                    ? call.Get(_maxTokens)
                    : file.MaxNewTokens ?? (p.MaxLength is not null ? int.MaxValue : maxTokens ?? int.MaxValue),
                MaxLength = call.Has(_maxTokens) ? null : p.MaxLength,
                Temperature = Or(_temperature, p.Temperature),
                TopK = call.Has(_topK) ? call.Get(_topK) : p.TopK,
                TopP = Or(_topP, p.TopP),
                MinP = Or(_minP, p.MinP),
                RepetitionPenalty = Or(_repetition, p.RepetitionPenalty),
                FrequencyPenalty = call.Get(_frequency),
                PresencePenalty = call.Get(_presence),
                Seed = (ulong)(call.Seed ?? Random.Shared.NextInt64()),
                Stop = [.. p.Stop ?? [], .. call.Get(_stop) ?? []],
                IgnoreEos = call.Get(_ignoreEos),
            }
        ).Validate(name => "--" + name.Replace('_', '-'));
        Tell(call, file, asked);
        return result;

        float Or(Option<float> flag, float otherwise) => call.Has(flag) ? call.Get(flag) : otherwise;
    }

    private void Tell(CommandContext call, GenerationSettings file, bool asked)
    {
        if (file.NotApplied.Count > 0)
        {
            call.Warn(
                $"{file.Source}: {string.Join(", ", file.NotApplied)} {(file.NotApplied.Count == 1 ? "is" : "are")} not applied here"
            );
        }
        if (!asked && !draws && file.DoSample is null && file.SaysHow)
        {
            call.Say(
                $"{file.Source} says how to draw tokens, but not do_sample: the likeliest is taken, as transformers does; --temperature X draws"
            );
        }
    }
}
