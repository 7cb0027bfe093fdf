using System.CommandLine;
using Inkstone.Inference;
using Inkstone.Models;

namespace Inkstone.Cli;

/// <summary>The flags of speculative decoding: tokens that are guessed and checked together. Texts stay the same; only their pace
/// changes.</summary>
internal sealed class SpeculationFlags
{
    private const int UsualOfDraft = 4,
        Most = 64;

    private readonly Option<int> _guesses = new("--guesses")
    {
        Description = Format.Text(
            $"tokens that are guessed and checked in one pass, from the text so far or by --draft; 0: none; default: 0, with --draft {UsualOfDraft}"
        ),
        HelpName = "N",
    };
    private readonly Option<string> _draft = new("--draft")
    {
        Description = "a smaller model with the same tokens that makes the guesses",
        HelpName = "PATH",
    };

    public IReadOnlyList<Symbol> All => [_guesses, _draft];

    /// <summary>The engine's options with guesses.</summary>
    public EngineOptions Add(CommandContext call, CausalLm model, EngineOptions options)
    {
        int guesses =
            call.Has(_guesses) ? call.Between(_guesses, 0, Most)
            : call.Has(_draft) ? UsualOfDraft
            : 0;
        if (guesses > 0 && (!model.SharesPrefixes || model.CacheSpecs.Any(layer => layer.BytesPerSequence > 0)))
        {
            throw new ArgumentException(
                "wrong guesses must be taken back, which layers that keep a state, and positions that depend on the length, cannot: do without --guesses and --draft for this model"
            );
        }
        CausalLm? draft = call.Get(_draft) is { } path && guesses > 0 ? Models.Open(path, model.Device) : null;
        return options with { Guesses = guesses, Draft = draft };
    }
}
