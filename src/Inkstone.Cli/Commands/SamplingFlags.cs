using System.CommandLine;
using Inkstone.Inference;

namespace Inkstone.Cli;

/// <summary>The flags of <c>generate</c> and <c>chat</c> that say how tokens are chosen.</summary>
internal sealed class SamplingFlags
{
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "most tokens to write", HelpName = "N", DefaultValueFactory = _ => 128 };
    private readonly Option<float> _temperature = new("--temperature") { Description = "0 always takes the likeliest token", HelpName = "X", DefaultValueFactory = _ => 0.8f };
    private readonly Option<int> _topK = new("--top-k") { Description = "choose among the N likeliest; 0: all", HelpName = "N", DefaultValueFactory = _ => 0 };
    private readonly Option<float> _topP = new("--top-p") { Description = "choose among the likeliest that hold this much probability", HelpName = "X", DefaultValueFactory = _ => 0.95f };
    private readonly Option<float> _minP = new("--min-p") { Description = "leave out what has less than this part of the likeliest one's probability", HelpName = "X", DefaultValueFactory = _ => 0f };
    private readonly Option<float> _repetition = new("--repetition-penalty") { Description = "above 1: seen tokens become less likely", HelpName = "X", DefaultValueFactory = _ => 1f };
    private readonly Option<float> _frequency = new("--frequency-penalty") { Description = "subtracted per occurrence in the output", HelpName = "X", DefaultValueFactory = _ => 0f };
    private readonly Option<float> _presence = new("--presence-penalty") { Description = "subtracted for tokens that occur in the output", HelpName = "X", DefaultValueFactory = _ => 0f };
    private readonly Option<string[]> _stop = new("--stop") { Description = "end before this text (repeatable)", HelpName = "S" };
    private readonly Option<bool> _ignoreEos = new("--ignore-eos") { Description = "go on after end-of-text tokens" };

    public IReadOnlyList<Symbol> All => [_maxTokens, _temperature, _topK, _topP, _minP, _repetition, _frequency, _presence, _stop, _ignoreEos];

    /// <summary>Without <c>--seed</c> every call draws another one.</summary>
    public SamplingParams Read(Call call, IReadOnlyList<string>? moreStops = null) => new SamplingParams(
        call.Get(_temperature), call.Get(_topK), call.Get(_topP), call.Get(_minP),
        RepetitionPenalty: call.Get(_repetition), FrequencyPenalty: call.Get(_frequency), PresencePenalty: call.Get(_presence),
        MaxTokens: call.Get(_maxTokens), Seed: (ulong)(call.Seed ?? Random.Shared.NextInt64()),
        Stop: [.. call.Get(_stop) ?? [], .. moreStops ?? []], IgnoreEos: call.Get(_ignoreEos)).Validate();
}
