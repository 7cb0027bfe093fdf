using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Studio;

/// <summary>A model that was opened to be looked into.</summary>
/// <param name="Device">its device, which is closed behind it</param>
/// <param name="Model">the model</param>
/// <param name="Settings">how it chooses tokens</param>
public sealed record OpenedModel(Device Device, CausalLm Model, GenerationSettings Settings);

/// <summary>What a studio shows and how it gets at models.</summary>
public sealed record StudioOptions
{
    /// <summary>The address to listen on.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0: any free one.</summary>
    public int Port { get; init; } = 6080;

    /// <summary>Directories of runs, or folders above them; nothing outside is ever read.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>Whether a directory holds a model or an adapter.</summary>
    public required Func<string, bool> HoldsModel { get; init; }

    /// <summary>The tokenizer of a directory.</summary>
    public required Func<string, Tokenizer> Tokenizer { get; init; }

    /// <summary>Opens the model of a directory.</summary>
    public required Func<string, OpenedModel> Open { get; init; }
}
