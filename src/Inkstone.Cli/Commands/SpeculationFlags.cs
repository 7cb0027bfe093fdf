using System.CommandLine;
using Inkstone.Inference;
using Inkstone.Models;

namespace Inkstone.Cli;

/// <summary>The flags of speculative decoding: tokens that are guessed and checked together. Texts stay the same; only their pace
/// changes.</summary>
internal sealed class SpeculationFlags
{
    private const string Own = "mtp";
    private const int UsualOfDraft = 4,
        UsualOfModule = 2,
        Most = 64;

    private readonly Option<int> _guesses = new("--guesses")
    {
        Description = Format.Text(
            $"tokens that are guessed and checked in one pass, from the text so far or by --draft; 0: none; default: 0, with --draft {UsualOfDraft}, with --draft {Own} {UsualOfModule}"
        ),
        HelpName = "N",
    };
    private readonly Option<string> _draft = new("--draft")
    {
        Description = Format.Text(
            $"who makes the guesses: a smaller model with the same tokens, or {Own}: the model's own module that predicts ahead"
        ),
        HelpName = Format.Text($"PATH|{Own}"),
    };

    public IReadOnlyList<Symbol> All => [_guesses, _draft];

    /// <summary>The engine's options with guesses.</summary>
    public EngineOptions Add(CommandContext call, CausalLm model, EngineOptions options)
    {
        bool own = call.Get(_draft) == Own;
        int guesses =
            call.Has(_guesses) ? call.Between(_guesses, 0, Most)
            : own ? UsualOfModule
            : call.Has(_draft) ? UsualOfDraft
            : 0;
        if (guesses > 0 && !model.SharesPrefixes)
        {
            throw new ArgumentException(
                "wrong guesses must be taken back, which positions that depend on the length of the text do not allow: do without --guesses and --draft for this model"
            );
        }
        if (own && model is not IPredictsAhead { PredictionDepth: > 0 })
        {
            throw new ArgumentException(
                $"--draft {Own}: this model has no module that predicts ahead (the mtp of DeepSeek-V3 and -V4, Qwen3.5 and Qwen4, trained where its configuration names one and kept in its checkpoint); give --guesses alone, or a smaller model"
            );
        }
        CausalLm? draft = call.Get(_draft) is { } path && !own && guesses > 0 ? Models.Open(path, model.Device) : null;
        return options with { Guesses = guesses, Draft = draft, GuessesAhead = own && guesses > 0 };
    }
}
