using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What a decoder needs to know outside its blocks and its last norm.</summary>
/// <param name="VocabSize">V</param>
/// <param name="HiddenSize">C</param>
/// <param name="Layers">number of blocks</param>
/// <param name="Tied">whether the output weight is the embedding</param>
public sealed record DecoderShape(int VocabSize, int HiddenSize, int Layers, bool Tied)
{
    /// <summary>Where embedding, layers and norm lie in the state dict; empty: at its root.</summary>
    public string Path { get; init; } = "model";

    /// <summary>Name of the vectors of tokens.</summary>
    public string EmbeddingName { get; init; } = "embed_tokens";

    /// <summary>Name of the output head, where it is not tied.</summary>
    public string HeadName { get; init; } = "lm_head";

    /// <summary>Residual streams, in each of which a token's vector begins.</summary>
    public int Streams { get; init; } = 1;

    /// <summary>Name of the norm behind the last block.</summary>
    public string NormName { get; init; } = "norm";

    /// <summary>Longest text, where config.json says it in a part of its own; 0: as the file says.</summary>
    public int MaxPositionEmbeddings { get; init; }

    /// <summary>Factor on vectors of tokens.</summary>
    public float EmbeddingScale { get; init; } = 1;

    /// <summary>A norm of the vectors of tokens, or null.</summary>
    public Func<Tensor, Tensor>? EmbeddingNorm { get; init; }

    /// <summary>Positions, where they turn otherwise in longer texts: a cache of a shorter text is then of no use.</summary>
    public RotaryTable? Rotary { get; init; }

    /// <summary>Factor on logits.</summary>
    public float LogitScale { get; init; } = 1;

    /// <summary>Logits are cap · tanh(logit / cap); 0: as they are.</summary>
    public float LogitSoftCap { get; init; }

    /// <summary>Weight of the balance loss over the batch while training (arXiv:2101.03961); null: none.</summary>
    public double? RouterAuxLoss { get; init; }
}
