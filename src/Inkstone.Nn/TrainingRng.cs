using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>
/// The randomness of a training step, shared by all layers of a model: dropout, and noise on embeddings. Off outside of training.
/// Every layer draws from a stream of its own that depends on (seed, draw) alone, so a resumed run draws what the uninterrupted one draws.
/// </summary>
public sealed class TrainingRng
{
    private ulong _seed,
        _draw;

    /// <summary>Whether layers draw.</summary>
    public bool On { get; private set; }

    /// <summary>Strength of the uniform noise on embeddings, ± α / √(T·C) (NEFTune, arXiv:2310.05914); 0: none.</summary>
    public double EmbeddingAlpha { get; set; }

    /// <summary>Whether layers never draw, also in training: where a model is compared with itself.</summary>
    public bool Silent { get; set; }

    /// <summary>Before a training micro-batch; <paramref name="draw"/> is its number in the run.</summary>
    public void Begin(ulong seed, long draw) => (_seed, _draw, On) = (seed, (ulong)draw, !Silent);

    /// <summary>Behind it.</summary>
    public void End() => On = false;

    /// <summary>The numbers of one layer in this draw.</summary>
    internal PhiloxRandom ForLayer(ulong layer) => new(_seed ^ layer, _draw);
}
