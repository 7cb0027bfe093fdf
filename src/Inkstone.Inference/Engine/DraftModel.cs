using System.Runtime.InteropServices;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>A small model that guesses how texts go on, greedily, for a larger one with the same tokens to check all guesses at once
/// (speculative decoding, arXiv:2211.17192).</summary>
internal sealed class DraftModel : IDisposable
{
    private readonly CausalLm _model;
    private readonly PagedCache _cache;
    private readonly SequenceBatch _batch;
    private readonly Dictionary<Generation, CachedSequence> _sequences = [];
    private readonly List<Generation> _texts = [];
    private readonly List<int> _tokens = [],
        _rows = [];
    private readonly float[] _logits;

    /// <summary>Sets memory aside.</summary>
    /// <exception cref="ArgumentException">It has other tokens than the model it guesses for, or layers that cannot go back.</exception>
    public DraftModel(CausalLm model, CausalLm target, EngineOptions options, int longest)
    {
        (_model, _logits) = (model, new float[model.VocabSize]);
        if (model.VocabSize != target.VocabSize || model.Device != target.Device)
        {
            throw new ArgumentException(
                $"a draft model must have the tokens and the device of the model it guesses for: {model.VocabSize} tokens are not {target.VocabSize}, or the devices differ",
                nameof(model)
            );
        }
        _cache = model.NewCache(
            Math.Min(longest, model.MaxPositionEmbeddings),
            options.MaxSequences,
            Math.Min(options.MaxBatchTokens, longest)
        );
        _batch = new SequenceBatch(_cache);
        if (_cache.HasState || !model.SharesPrefixes)
        {
            _cache.Dispose();
            throw new ArgumentException(
                "a draft model must be able to take guesses back; models with recurrent layers, or positions that depend on the length, cannot",
                nameof(model)
            );
        }
    }

    /// <summary>Guesses up to <paramref name="most"/> tokens of each text whose next token is to be decided.</summary>
    public void Guess(IReadOnlyList<Generation> running, int most)
    {
        _texts.Clear();
        for (int i = 0; i < running.Count; i++)
        {
            Generation g = running[i];
            g.ForgetGuesses();
            if (g.Room > 1 && Follow(g))
            {
                _texts.Add(g);
            }
        }
        for (int n = 0; n < most && _texts.Count > 0; n++)
        {
            Step();
            _texts.RemoveAll(g => g.Guesses.Length >= Math.Min(most, g.Room - 1) || !_sequences[g].TryReserve(1));
        }
    }

    /// <summary>Frees the memory of a text.</summary>
    public void Forget(Generation generation)
    {
        if (_sequences.Remove(generation, out CachedSequence? sequence))
        {
            sequence.Dispose();
        }
    }

    public void Dispose() => _cache.Dispose();

    /// <summary>Brings the draft's own cache to all but the last token of a text; a long prompt takes several steps of the engine. False:
    /// it is not there yet, or finds no memory.</summary>
    private bool Follow(Generation g)
    {
        if (!_sequences.TryGetValue(g, out CachedSequence? sequence))
        {
            if (_cache.TryNew() is not { } fresh)
            {
                return false;
            }
            _sequences[g] = sequence = fresh;
        }
        return g.Known.Length < _model.MaxPositionEmbeddings
            && sequence.TryTruncate(Math.Min(sequence.Length, g.Known.Length - 1))
            && sequence.TryReserve(g.Known.Length - sequence.Length);
    }

    /// <summary>One more token of each text, behind its known tokens and guesses.</summary>
    private void Step()
    {
        _batch.Clear();
        _tokens.Clear();
        _rows.Clear();
        foreach (Generation g in _texts)
        {
            CachedSequence sequence = _sequences[g];
            int known = g.Known.Length,
                first = sequence.Length,
                count = known + g.Guesses.Length - first;
            for (int i = first; i < first + count; i++)
            {
                _tokens.Add(i < known ? g.Known[i] : g.Guesses[i - known]);
            }
            _batch.Add(sequence, count);
            _rows.Add(_tokens.Count - 1);
        }
        Device device = _model.Device;
        using StepScope step = device.Step();
        Tensor ids = device.Rent(new Shape(1, _tokens.Count), CollectionsMarshal.AsSpan(_tokens));
        Tensor hidden = _model.Hidden(ids, _batch.Context());
        Tensor logits = _model.Logits(Ops.GatherRows(hidden, device.Rent(new Shape(_rows.Count), CollectionsMarshal.AsSpan(_rows))));
        for (int i = 0; i < _texts.Count; i++)
        {
            logits.CopyTo(_logits, (long)i * _logits.Length);
            _texts[i].AddGuess(LogitRow.Likeliest(_logits));
        }
    }
}
