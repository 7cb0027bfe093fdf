using System.Runtime.InteropServices;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>
/// Guesses how texts go on by the model's own module that predicts ahead (arXiv:2412.19437, section 2.2), from what the model has just made
/// of them; for each further guess the first module is asked again with what it carried. The module has a cache of its own, which begins
/// where the model began to compute a text: what was shared with another text is not there for it.
/// </summary>
internal sealed class AheadDraft : IDisposable
{
    private readonly CausalLm _model;
    private readonly IPredictsAhead _modules;
    private readonly AdapterSet? _set;
    private readonly int _most;
    private readonly PagedCache _cache;
    private readonly SequenceBatch _batch;
    private readonly Dictionary<Generation, (CachedSequence Sequence, int First)> _sequences = [];
    private readonly List<Generation> _texts = []; // those whose next tokens are guessed
    private readonly List<int> _rows = [],
        _next = [],
        _ends = []; // rows of the texts' last tokens
    private readonly float[] _logits;

    /// <summary>Sets memory aside.</summary>
    /// <exception cref="ArgumentException">The model has no such module.</exception>
    public AheadDraft(CausalLm model, EngineOptions options, long tokens, int longest, int step, AdapterSet? set)
    {
        _modules = model is IPredictsAhead { PredictionDepth: > 0 } predicting
            ? predicting
            : throw new ArgumentException("the model has no module that predicts ahead, so it cannot guess by itself", nameof(model));
        (_model, _most, _set, _logits) = (model, options.Guesses, set, new float[model.VocabSize]);
        _cache = new PagedCache(model.Device, [_modules.PredictionCache], tokens, options.MaxSequences, longest, step);
        _batch = new SequenceBatch(_cache);
    }

    /// <summary>Takes in what the model made of a pass, whose next tokens are chosen by now, and guesses those behind them.</summary>
    /// <param name="pass">tokens of the pass</param>
    /// <param name="hidden">[1, ΣT, C], of the step that runs</param>
    public void Follow(IReadOnlyList<Scheduled> pass, Tensor hidden)
    {
        Begin();
        for (int i = 0, row = 0; i < pass.Count; row += pass[i++].Count)
        {
            Scheduled s = pass[i];
            Generation g = s.Generation;
            g.ForgetGuesses();
            int count = Math.Min(s.Count, g.Known.Length - 1 - s.First); // wrong guesses are left out
            if (g.FinishReason is not null || count < 1 || !TryPlace(g, s.First, count))
            {
                continue;
            }
            Add(g, count);
            for (int j = 0; j < count; j++)
            {
                _rows.Add(row + j);
                _next.Add(g.Known[s.First + j + 1]);
            }
            if (s.First + count == g.Known.Length - 1 && g.Room > 1)
            {
                _texts.Add(g);
                _ends.Add(_next.Count - 1);
            }
        }
        Tensor carried = _modules.Carried(hidden);
        while (_next.Count > 0)
        {
            carried = Rows(carried, _rows);
            Tensor made = _modules.Guess(ref carried, Integers(_next).View(new Shape(1, _next.Count)), _batch.Context());
            if (_texts.Count > 0)
            {
                Choose(_model.Logits(Rows(made, _ends)));
            }
            Again();
        }
    }

    /// <summary>Frees the memory of a text.</summary>
    public void Forget(Generation generation)
    {
        if (_sequences.Remove(generation, out (CachedSequence Sequence, int First) held))
        {
            held.Sequence.Dispose();
        }
    }

    public void Dispose() => _cache.Dispose();

    private void Begin()
    {
        _batch.Clear();
        _set?.Clear();
        _texts.Clear();
        _rows.Clear();
        _next.Clear();
        _ends.Clear();
    }

    private void Add(Generation g, int count)
    {
        _batch.Add(_sequences[g].Sequence, count);
        _set?.Wear(g.Adapter, count);
    }

    private void Choose(Tensor logits)
    {
        for (int i = 0; i < _texts.Count; i++)
        {
            logits.CopyTo(_logits, (long)i * _logits.Length);
            _texts[i].AddGuess(LogitRow.Likeliest(_logits));
        }
    }

    /// <summary>The texts that want another guess, from what the module carried of their last tokens.</summary>
    private void Again()
    {
        _batch.Clear();
        _set?.Clear();
        _rows.Clear();
        _next.Clear();
        int kept = 0;
        for (int i = 0; i < _texts.Count; i++)
        {
            Generation g = _texts[i];
            if (g.Guesses.Length < Math.Min(_most, g.Room - 1) && _sequences[g].Sequence.TryReserve(1))
            {
                _rows.Add(_ends[i]);
                _next.Add(g.Guesses[^1]);
                Add(g, 1);
                (_texts[kept], _ends[kept]) = (g, kept);
                kept++;
            }
        }
        _texts.RemoveRange(kept, _texts.Count - kept);
        _ends.RemoveRange(kept, _ends.Count - kept);
    }

    /// <summary>Room for tokens of a text from a place on, behind those before it; guesses that were taken in are forgotten. False: there
    /// is no memory.</summary>
    private bool TryPlace(Generation g, int from, int count)
    {
        if (
            _sequences.TryGetValue(g, out (CachedSequence Sequence, int First) held)
            && (from - held.First < 0 || from - held.First > held.Sequence.Length || !held.Sequence.TryTruncate(from - held.First))
        )
        {
            Forget(g);
            held = default;
        }
        if (held.Sequence is null)
        {
            if (_cache.TryNew() is not { } fresh)
            {
                return false;
            }
            _sequences[g] = held = (fresh, from);
        }
        if (held.Sequence.TryReserve(count))
        {
            return true;
        }
        Forget(g);
        return false;
    }

    private Tensor Rows(Tensor x, List<int> rows) => Ops.GatherRows(x, Integers(rows)).View(new Shape(1, rows.Count, x.Shape.Last));

    private Tensor Integers(List<int> values) => _model.Device.Rent(new Shape(values.Count), CollectionsMarshal.AsSpan(values));
}
