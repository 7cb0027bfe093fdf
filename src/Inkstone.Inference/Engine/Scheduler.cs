using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>Tokens of a text in a forward pass.</summary>
/// <param name="Generation">the text</param>
/// <param name="First">first token</param>
/// <param name="Count">number of tokens, guesses included</param>
/// <param name="Guesses">how many of them, the last, are guesses</param>
internal readonly record struct Scheduled(Generation Generation, int First, int Count, int Guesses = 0)
{
    /// <summary>Whether the next token of the text is decided behind them.</summary>
    public bool IsWhole => First + Count - Guesses == Generation.Known.Length;

    /// <summary>Token <paramref name="i"/> of them.</summary>
    public int Token(int i) => i < Count - Guesses ? Generation.Known[First + i] : Generation.Guesses[i - (Count - Guesses)];
}

/// <summary>
/// Decides what the next forward pass computes: the next token of each running text, then parts of prompts in the order in which they came.
/// A text that finds no memory takes it
/// from the one that came last, which is computed anew later.
/// </summary>
internal sealed class Scheduler : IDisposable
{
    private readonly CausalLm _model;
    private readonly EngineOptions _options;
    private readonly LinkedList<Generation> _waiting = new();
    private readonly List<Generation> _running = [],
        _ended = [];
    private readonly List<Scheduled> _batch = [];
    private readonly SequenceBatch _sequences;
    private readonly bool _shares;
    private readonly string[] _adapterNames;
    private readonly DraftModel? _draft;

    public Scheduler(CausalLm model, EngineOptions options, AdapterSet? set)
    {
        (_model, _options, _adapterNames) = (model, options, [.. options.Adapters.Keys]);
        MaxLength = options.MaxLength > 0 ? Math.Min(options.MaxLength, model.MaxPositionEmbeddings) : model.MaxPositionEmbeddings;
        IsGuessing = options.Guesses > 0 && options.KeepsCache && model.SharesPrefixes;
        int sequences = options.KeepsCache ? options.MaxSequences : 1,
            step = Math.Min(options.MaxBatchTokens, MaxLength);
        long tokens = options.KeepsCache ? CachePlan.Tokens(model, options, MaxLength, step) : RaggedRows.BlockTokens;
        MaxLength = options.KeepsCache ? (int)Math.Min(MaxLength, tokens) : MaxLength;
        Cache = new PagedCache(
            model.Device,
            model.CacheSpecs,
            tokens,
            sequences,
            MaxLength,
            step,
            snapshots: options.PrefixSharing ? sequences + 2 : 0,
            retractable: IsGuessing ? options.Guesses : 0
        );
        _sequences = new SequenceBatch(Cache);
        _shares = options.PrefixSharing && model.SharesPrefixes;
        _draft = IsGuessing && options.Draft is { } draft ? new DraftModel(draft, model, options, MaxLength) : null;
        Ahead = IsGuessing && options.GuessesAhead ? new AheadDraft(model, options, tokens, MaxLength, step, set) : null;
    }

    /// <summary>The memory.</summary>
    public PagedCache Cache { get; }

    /// <summary>Tokens of the longest text.</summary>
    public int MaxLength { get; }

    /// <summary>Whether tokens are guessed; never where positions depend on the length of the text.</summary>
    public bool IsGuessing { get; }

    /// <summary>The model's own module where it makes the guesses, or null.</summary>
    public AheadDraft? Ahead { get; }

    /// <summary>Texts that are being made.</summary>
    public IReadOnlyList<Generation> Running => _running;

    /// <summary>Texts that wait.</summary>
    public int WaitingCount => _waiting.Count;

    /// <summary>Texts that ended in the last step.</summary>
    public IReadOnlyList<Generation> Ended => _ended;

    /// <summary>Texts that gave up their memory so far.</summary>
    public long Preemptions { get; private set; }

    /// <summary>What the next forward pass computes.</summary>
    public List<Scheduled> Batch => _batch;

    public void Add(Generation generation) => _waiting.AddLast(generation);

    /// <summary>Fills <see cref="Batch"/>; false: there is nothing to do.</summary>
    public bool Schedule()
    {
        _batch.Clear();
        _sequences.Clear();
        int budget = _options.MaxBatchTokens;
        if (!_options.KeepsCache)
        {
            return ScheduleWhole();
        }
        for (int i = 0; i < _running.Count; i++)
        {
            Refresh(_running[i]);
        }
        _draft?.Guess([.. _running.Where(g => Pending(g) == 1)], _options.Guesses);
        for (int i = 0; i < _running.Count; i++)
        {
            // What is left of a prompt comes behind: one long prompt must not make all others wait.
            if (Pending(_running[i]) == 1 && budget > 0)
            {
                if (IsGuessing && _draft is null && Ahead is null)
                {
                    _running[i].Guess(Math.Min(_options.Guesses, budget - (_running.Count - i)));
                }
                if (budget - (_running.Count - i) < _running[i].Guesses.Length)
                {
                    _running[i].ForgetGuesses(); // one place of the budget stays for each text that comes behind
                }
                budget -= Take(_running[i], 1 + _running[i].Guesses.Length, _running[i].Guesses.Length);
            }
        }
        for (int i = 0; i < _running.Count; i++)
        {
            if (Pending(_running[i]) > 1 && budget > 0)
            {
                budget -= Take(_running[i], Part(_running[i], budget));
            }
        }
        Admit(budget);
        foreach (Scheduled s in _batch)
        {
            _sequences.Add(s.Generation.Sequence!, s.Count, s.Generation.Known.Length, s.Guesses);
        }
        return _batch.Count > 0;
    }

    /// <summary>What the model needs to know of the batch.</summary>
    public ForwardContext Context(int tokens) => _options.KeepsCache ? _sequences.Context() : ForwardContext.Rows(_model.Device, 1, tokens);

    /// <summary>After the forward pass: lets others find what was computed, and frees the memory of texts that have ended.</summary>
    public void EndStep()
    {
        foreach (Scheduled s in _batch)
        {
            if (
                s.Guesses > 0
                && s.Generation.Sequence is { } sequence
                && !sequence.TryTruncate(Math.Min(sequence.Length, s.Generation.Known.Length - 1))
            )
            {
                throw new InvalidOperationException("a cache could not go back behind wrong guesses");
            }
            if (_shares)
            {
                s.Generation.Sequence?.Publish(s.Generation.Known);
            }
        }
        for (int i = _running.Count - 1; i >= 0; i--)
        {
            if (_running[i].FinishReason is not null)
            {
                Remove(i);
            }
        }
    }

    /// <summary>Before a step: forgets the texts that ended in the last one, and ends those that are no longer wanted.</summary>
    public void RemoveCancelled()
    {
        _ended.Clear();
        for (int i = _running.Count - 1; i >= 0; i--)
        {
            if (_running[i].IsCancelled)
            {
                _running[i].End(FinishReason.Cancelled);
                Remove(i);
            }
        }
        LinkedListNode<Generation>? next;
        for (LinkedListNode<Generation>? node = _waiting.First; node is not null; node = next)
        {
            next = node.Next;
            if (node.Value.IsCancelled)
            {
                node.Value.End(FinishReason.Cancelled);
                _ended.Add(node.Value);
                _waiting.Remove(node);
            }
        }
    }

    /// <summary>Takes all texts away and frees their memory.</summary>
    public IReadOnlyList<Generation> Clear()
    {
        List<Generation> all = [.. _running, .. _waiting];
        foreach (Generation generation in _running)
        {
            Release(generation);
        }
        _running.Clear();
        _waiting.Clear();
        _batch.Clear();
        return all;
    }

    public void Dispose()
    {
        _draft?.Dispose();
        Ahead?.Dispose();
        Cache.Dispose();
    }

    private bool ScheduleWhole()
    {
        if (_running.Count == 0 && _waiting.First is { } first)
        {
            _running.Add(first.Value);
            _waiting.RemoveFirst();
        }
        if (_running.Count > 0)
        {
            _batch.Add(new Scheduled(_running[0], 0, _running[0].Known.Length));
        }
        return _batch.Count > 0;
    }

    private static int Pending(Generation generation) => generation.Known.Length - generation.Sequence!.Length;

    /// <summary>Tokens of a prompt that go into this pass. Where a state can be shared the last of its blocks ends a pass, so that it can
    /// be kept there.</summary>
    private int Part(Generation generation, int budget)
    {
        int computed = generation.Sequence!.Length,
            part = Math.Min(budget, Pending(generation)),
            border = (generation.Known.Length - 1) / RaggedRows.BlockTokens * RaggedRows.BlockTokens;
        return _shares && Cache.HasState && computed < border && computed + part > border ? border - computed : part;
    }

    /// <summary>Puts tokens of a running text into the batch, with memory taken from younger texts where none is free; returns how
    /// many.</summary>
    private int Take(Generation generation, int count, int guesses = 0)
    {
        while (!generation.Sequence!.TryReserve(count))
        {
            Generation victim = _running[^1];
            Preempt(victim);
            if (victim == generation)
            {
                return 0;
            }
        }
        _batch.Add(new Scheduled(generation, generation.Sequence.Length, count, guesses));
        return count;
    }

    private void Preempt(Generation generation)
    {
        Preemptions++;
        _running.Remove(generation);
        _batch.RemoveAll(s => s.Generation == generation);
        Release(generation);
        _waiting.AddFirst(generation);
    }

    /// <summary>Brings waiting texts in while there is room.</summary>
    private void Admit(int budget)
    {
        LinkedListNode<Generation>? next;
        for (
            LinkedListNode<Generation>? node = _waiting.First;
            node is not null && budget > 0 && _running.Count < _options.MaxSequences;
            node = next
        )
        {
            next = node.Next;
            Generation generation = node.Value;
            if (_shares && IsBeingComputed(generation))
            {
                continue;
            }
            int sharable = Math.Min(generation.Known.Length, generation.NextPromptLogProb);
            CachedSequence? sequence = Cache.TryNew(_shares ? generation.Known[..sharable] : [], Salt(generation));
            if (sequence is null)
            {
                return;
            }
            generation.Sequence = sequence;
            int part = Part(generation, budget);
            if (!sequence.TryReserve(part))
            {
                Release(generation);
                return;
            }
            if (generation.Known.Length == generation.PromptLength)
            {
                generation.CachedTokens = sequence.Length;
            }
            _waiting.Remove(node);
            _running.Add(generation);
            _batch.Add(new Scheduled(generation, sequence.Length, part));
            budget -= part;
        }
    }

    /// <summary>Whether another text is just computing a prompt that begins alike: this one waits for that instead of computing it
    /// too.</summary>
    private bool IsBeingComputed(Generation generation)
    {
        foreach (Generation other in _running)
        {
            int computed = other.Sequence!.Length;
            if (
                computed < other.PromptLength - 1
                && other.Adapter == generation.Adapter
                && generation.Known.CommonPrefixLength(other.Known) / RaggedRows.BlockTokens > computed / RaggedRows.BlockTokens
            )
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Texts with different adapters share nothing.</summary>
    private int Salt(Generation generation) =>
        generation.Adapter is null ? 0 : 1 + Array.IndexOf(_adapterNames, generation.Request.Adapter);

    /// <summary>Begins anew where positions turn otherwise in a text that has become this long.</summary>
    private void Refresh(Generation generation)
    {
        if (!_model.CacheSurvives(generation.Sequence!.Length, generation.Known.Length))
        {
            generation.Sequence.Dispose();
            generation.Sequence = Cache.TryNew(Salt(generation));
        }
    }

    private void Remove(int running)
    {
        Release(_running[running]);
        _ended.Add(_running[running]);
        _running.RemoveAt(running);
    }

    private void Release(Generation generation)
    {
        _draft?.Forget(generation);
        Ahead?.Forget(generation);
        generation.Sequence?.Dispose();
        generation.Sequence = null;
    }
}
