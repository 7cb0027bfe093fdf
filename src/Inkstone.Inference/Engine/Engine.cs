using System.Runtime.InteropServices;
using System.Threading.Channels;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>
/// Makes many texts side by side (continuous batching, arXiv:2309.06180): each <see cref="Step"/> is one forward pass over the next token
/// of all texts and parts of new prompts.
/// A text does not depend on what runs beside it. One thread at a time; <see cref="AsyncEngine"/> has a thread of its own.
/// </summary>
public sealed class Engine : IDisposable
{
    private readonly Tokenizer? _tokenizer;
    private readonly Scheduler _scheduler;
    private readonly Sampler _sampler;
    private readonly TokenChooser _chooser;
    private readonly List<int> _tokens = [],
        _rows = [];
    private readonly AdapterSet? _set;
    private readonly Dictionary<string, Adapter> _adapters = new(StringComparer.Ordinal);
    private long _promptTokens,
        _cachedTokens,
        _generatedTokens,
        _steps,
        _guessed,
        _accepted;

    /// <summary>An engine for a model. Model and tokenizer stay the caller's.</summary>
    /// <param name="model">who writes</param>
    /// <param name="tokenizer">makes text of tokens and finds stop texts; null: tokens only</param>
    /// <param name="options">how much at once</param>
    public Engine(CausalLm model, Tokenizer? tokenizer = null, EngineOptions? options = null)
    {
        (Model, _tokenizer, Options) = (model, tokenizer, options ?? new EngineOptions());
        if (Options.Adapters.Count > 0)
        {
            _set = model.Adapter is null
                ? new AdapterSet(model.LinearLayers)
                : throw new ArgumentException(
                    "the model wears an adapter of its own already, so requests cannot choose others",
                    nameof(options)
                );
            foreach ((string name, string directory) in Options.Adapters)
            {
                _adapters[name] = PeftAdapter.AddTo(_set, directory);
            }
        }
        _scheduler = new Scheduler(model, Options, _set);
        _sampler = new Sampler(model.VocabSize);
        _chooser = new TokenChooser(model.VocabSize, _sampler);
    }

    /// <summary>The model.</summary>
    public CausalLm Model { get; }

    /// <summary>How much at once.</summary>
    public EngineOptions Options { get; }

    /// <summary>Names of the adapters that requests may choose.</summary>
    public IReadOnlyList<string> Adapters => [.. Options.Adapters.Keys];

    /// <summary>Tokens of prompt and output of the longest text.</summary>
    public int MaxLength => _scheduler.MaxLength;

    /// <summary>What it is doing.</summary>
    public EngineStatistics Statistics =>
        new(
            _scheduler.Running.Count,
            _scheduler.WaitingCount,
            _scheduler.Cache.Tokens,
            _scheduler.Cache.TokensInUse,
            _promptTokens,
            _cachedTokens,
            _generatedTokens,
            _scheduler.Preemptions,
            _steps,
            _guessed,
            _accepted,
            Model.Device.Arena.Bytes
        );

    /// <summary>Whether tokens are guessed: asked for, and of a model whose positions do not depend on the length of the text.</summary>
    public bool IsGuessing => _scheduler.IsGuessing;

    /// <summary>Whether texts are being made or wait.</summary>
    public bool HasWork => _scheduler.Running.Count + _scheduler.WaitingCount > 0;

    /// <summary>Takes a request; its text begins in one of the next steps.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model, such as a prompt longer than its context.</exception>
    public Generation Add(GenerationRequest request)
    {
        Generation generation = Prepare(request, null);
        Add(generation);
        return generation;
    }

    /// <summary>One forward pass. False: there was nothing to do.</summary>
    public bool Step()
    {
        _scheduler.RemoveCancelled();
        if (!_scheduler.Schedule())
        {
            return false;
        }
        _steps++;
        using (Model.Device.Step())
        {
            Forward();
        }
        _scheduler.EndStep();
        return true;
    }

    /// <summary>The tokens of a text as they come, with as many steps as it needs; a text that nobody reads to its end is ended.</summary>
    /// <param name="generation">a text of this engine</param>
    /// <param name="cancelled">looked at before each step</param>
    public IEnumerable<GenerationOutput> Stream(Generation generation, CancellationToken cancelled = default)
    {
        try
        {
            while (generation.FinishReason is null)
            {
                cancelled.ThrowIfCancellationRequested();
                _ = Step();
                while (generation.TryRead(out GenerationOutput output))
                {
                    yield return output;
                }
            }
        }
        finally
        {
            if (generation.FinishReason is null)
            {
                generation.Cancel();
                _scheduler.RemoveCancelled();
            }
        }
    }

    /// <summary>A text as a vector of the model's hidden size, of length 1.</summary>
    /// <param name="ids">at least one token</param>
    /// <param name="pooling">which hidden states count</param>
    public float[] Embed(IReadOnlyList<int> ids, Pooling pooling)
    {
        CheckPrompt(ids, Model.MaxPositionEmbeddings);
        using StepScope step = Model.Device.Step();
        _set?.Clear();
        Tensor hidden = Model.Hidden(Model.Device.Rent(new Shape(1, ids.Count), [.. ids]), ForwardContext.Rows(Model.Device, 1, ids.Count));
        double[] sum = new double[hidden.Shape.Last];
        float[] row = new float[sum.Length];
        for (int i = pooling == Pooling.Last ? ids.Count - 1 : 0; i < ids.Count; i++)
        {
            hidden.CopyTo(row, (long)i * row.Length);
            for (int j = 0; j < row.Length; j++)
            {
                sum[j] += row[j];
            }
        }
        double length = Math.Sqrt(sum.Sum(x => x * x));
        return Array.ConvertAll(sum, x => length > 0 ? (float)(x / length) : 0);
    }

    /// <summary>Ends all texts with an error, after a step that threw.</summary>
    internal void Fail(Exception failure)
    {
        foreach (Generation generation in _scheduler.Clear())
        {
            generation.End(FinishReason.Cancelled, failure);
        }
    }

    /// <summary>Texts that are being made.</summary>
    internal IReadOnlyList<Generation> Running => _scheduler.Running;

    /// <summary>Texts that ended in the last step.</summary>
    internal IReadOnlyList<Generation> Ended => _scheduler.Ended;

    internal void Add(Generation generation)
    {
        _promptTokens += generation.PromptLength;
        _scheduler.Add(generation);
    }

    /// <summary>Checks a request, on any thread.</summary>
    internal Generation Prepare(GenerationRequest request, Channel<GenerationOutput>? channel)
    {
        SamplingParams p = TextStream.Ends(request.Sampling.Validate(), Model.EosTokenIds, _tokenizer);
        CheckPrompt(request.Prompt, MaxLength);
        int prompt = request.Prompt.Count;
        if (prompt == MaxLength && p.MaxTokens > 0)
        {
            throw new ArgumentException(
                $"the prompt has {prompt} tokens, the model's context holds {MaxLength} and one must be left; shorten it.",
                nameof(request)
            );
        }
        if (p.MaxLength <= prompt)
        {
            throw new ArgumentException(
                $"the prompt has {prompt} tokens, but generation_config.json allows prompt and output max_length {p.MaxLength} together; say --max-tokens N.",
                nameof(request)
            );
        }
        if (request.Adapter is not null && !_adapters.ContainsKey(request.Adapter))
        {
            throw new ArgumentException(
                $"there is no adapter {request.Adapter}{(Adapters.Count > 0 ? $"; there are {string.Join(", ", Adapters)}" : "")}",
                nameof(request)
            );
        }
        if (request.Mask is null && p.Grammar is { } grammar)
        {
            request = request with { Mask = new GrammarMask(grammar) };
        }
        return new Generation(
            request,
            p,
            (int)Math.Min(Math.Min(MaxLength, p.MaxLength ?? int.MaxValue), (long)prompt + p.MaxTokens),
            _tokenizer,
            Options.Guesses
        )
        {
            Channel = channel,
            Adapter = request.Adapter is null ? null : _adapters[request.Adapter],
        };
    }

    private void CheckPrompt(IReadOnlyList<int> prompt, int longest)
    {
        if (prompt.Count == 0)
        {
            throw new ArgumentException("the prompt has no tokens; begin it with at least one.", nameof(prompt));
        }
        if (prompt.Count > longest)
        {
            throw new ArgumentException(
                $"the prompt has {prompt.Count} tokens, the model's context holds {longest} and one must be left; shorten it.",
                nameof(prompt)
            );
        }
        foreach (int id in prompt)
        {
            if (id < 0 || id >= Model.VocabSize)
            {
                throw new ArgumentException(
                    $"token {id} of the prompt is outside the model's vocabulary of {Model.VocabSize}.",
                    nameof(prompt)
                );
            }
        }
    }

    private void Forward()
    {
        Device device = Model.Device;
        _tokens.Clear();
        _rows.Clear();
        _set?.Clear();
        foreach (Scheduled s in _scheduler.Batch)
        {
            _set?.Wear(s.Generation.Adapter, s.Count);
            for (int i = 0; i < s.Count; i++)
            {
                _tokens.Add(s.Token(i));
            }
        }
        Tensor ids = device.Rent(new Shape(1, _tokens.Count), CollectionsMarshal.AsSpan(_tokens));
        Tensor hidden = Model.Hidden(ids, _scheduler.Context(_tokens.Count)); // [1, ΣT, C]
        int row = 0;
        foreach (Scheduled s in _scheduler.Batch)
        {
            PromptLogProbs(s, hidden, row);
            row += s.Count;
            for (int i = s.Guesses; i >= 0 && s.IsWhole; i--)
            {
                _rows.Add(row - 1 - i);
            }
        }
        if (_rows.Count > 0)
        {
            Choose(hidden);
        }
        _scheduler.Ahead?.Follow(_scheduler.Batch, hidden);
    }

    /// <summary>The next tokens of all texts that are computed up to their last one.</summary>
    private void Choose(Tensor hidden)
    {
        Device device = Model.Device;
        Tensor last = Ops.GatherRows(hidden, device.Rent(new Shape(_rows.Count), CollectionsMarshal.AsSpan(_rows)));
        Tensor logits = Model.Logits(last); // [n, V]
        int at = 0;
        foreach (Scheduled s in _scheduler.Batch)
        {
            if (!s.IsWhole)
            {
                continue;
            }
            _cachedTokens += s.Generation.Known.Length == s.Generation.PromptLength ? s.Generation.CachedTokens : 0;
            if (s.Generation.Sampling.MaxTokens == 0)
            {
                s.Generation.End(FinishReason.Length);
            }
            else
            {
                Choose(s, logits, at);
            }
            at += 1 + s.Guesses;
        }
    }

    /// <summary>The next token, and those behind guesses that turned out right: each is chosen as it would be without guessing.</summary>
    private void Choose(Scheduled s, Tensor logits, int row)
    {
        _guessed += s.Guesses;
        for (int i = 0; ; i++)
        {
            int known = s.Generation.Known.Length;
            _chooser.Next(logits, row + i, s.Generation);
            _generatedTokens += s.Generation.Known.Length - known;
            if (i == s.Guesses || s.Generation.FinishReason is not null || s.Generation.Known[^1] != s.Generation.Guesses[i])
            {
                return;
            }
            _accepted++;
        }
    }

    /// <summary>Log-probabilities of the prompt's tokens behind those that were computed now, a few at a time.</summary>
    private void PromptLogProbs(Scheduled s, Tensor hidden, int firstRow)
    {
        const int Rows = 64;
        Generation g = s.Generation;
        while (g.NextPromptLogProb is int next && next < g.PromptLength && next <= s.First + s.Count)
        {
            int count = Math.Min(Rows, Math.Min(g.PromptLength, s.First + s.Count + 1) - next),
                from = firstRow + next - 1 - s.First;
            Tensor rows = Model.Device.Rent(new Shape(count), [.. Enumerable.Range(from, count)]);
            Tensor logits = Model.Logits(Ops.GatherRows(hidden, rows));
            for (int i = 0; i < count; i++)
            {
                g.AddPromptLogProb(_chooser.LogProb(logits, i, g.Known[next + i]));
            }
        }
    }

    /// <summary>Frees the caches; texts that have not ended are cancelled.</summary>
    public void Dispose()
    {
        foreach (Generation generation in _scheduler.Clear())
        {
            generation.End(FinishReason.Cancelled);
        }
        _scheduler.Dispose();
        _set?.Dispose();
    }
}
