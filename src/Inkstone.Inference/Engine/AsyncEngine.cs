using System.Collections.Concurrent;
using System.Threading.Channels;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>An engine with a thread of its own: requests from any thread, answers as they are made.</summary>
public sealed class AsyncEngine : IAsyncDisposable
{
    private const int StackBytes = 16 << 20;

    private readonly Engine _engine;
    private readonly ConcurrentQueue<Generation> _submitted = new();
    private readonly ConcurrentQueue<Errand> _errands = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly HashSet<Generation> _open = [];
    private EngineStatistics _statistics;
    private volatile bool _closing,
        _stopping;

    /// <summary>Starts it. Model and tokenizer stay the caller's, and the model's device is the engine's until it is disposed.</summary>
    public AsyncEngine(CausalLm model, Tokenizer tokenizer, EngineOptions? options = null)
    {
        (Model, Tokenizer, _engine) = (model, tokenizer, new Engine(model, tokenizer, options));
        _statistics = _engine.Statistics;
        new Thread(Loop, StackBytes) { IsBackground = true, Name = "ink engine" }.Start();
    }

    /// <summary>The model.</summary>
    public CausalLm Model { get; }

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>How much at once.</summary>
    public EngineOptions Options => _engine.Options;

    /// <summary>Tokens of prompt and output of the longest text.</summary>
    public int MaxLength => _engine.MaxLength;

    /// <summary>Names of the adapters that requests may choose.</summary>
    public IReadOnlyList<string> Adapters => _engine.Adapters;

    /// <summary>What it is doing.</summary>
    public EngineStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return _statistics with { Waiting = Math.Max(0, _open.Count - _statistics.Running) };
            }
        }
    }

    /// <summary>Takes a request.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model, such as a prompt longer than its context.</exception>
    /// <exception cref="EngineBusyException">As many texts wait already as may, or the engine is closing.</exception>
    public Generation Submit(GenerationRequest request)
    {
        Generation generation = _engine.Prepare(
            request,
            Channel.CreateUnbounded<GenerationOutput>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true })
        );
        lock (_lock)
        {
            if (_closing || _open.Count >= Options.MaxSequences + Options.MaxWaiting)
            {
                throw new EngineBusyException(
                    _closing ? "the engine is closing" : $"{_open.Count} texts are being made or wait already; try again later"
                );
            }
            _open.Add(generation);
        }
        _submitted.Enqueue(generation);
        _work.Release();
        return generation;
    }

    /// <summary>A text as a vector of the model's hidden size, of length 1.</summary>
    public Task<float[]> EmbedAsync(IReadOnlyList<int> ids, Pooling pooling, CancellationToken cancelled = default) =>
        SendAsync(engine => engine.Embed(ids, pooling), cancelled);

    /// <summary>Lets <paramref name="work"/> have the model between two steps, on the engine's thread; texts wait as long as it
    /// takes.</summary>
    public Task<T> RunAsync<T>(Func<CausalLm, T> work, CancellationToken cancelled = default) => SendAsync(_ => work(Model), cancelled);

    private Task<T> SendAsync<T>(Func<Engine, T> work, CancellationToken cancelled)
    {
        Errand<T> errand = new(work, cancelled);
        _errands.Enqueue(errand);
        _work.Release();
        return errand.Result.Task;
    }

    /// <summary>Takes nothing more and waits for what runs; what has not ended by then is cancelled.</summary>
    public async Task DrainAsync(TimeSpan atMost)
    {
        _closing = true;
        long until = Environment.TickCount64 + (long)atMost.TotalMilliseconds;
        while (OpenCount() > 0 && Environment.TickCount64 < until)
        {
            await Task.Delay(20).ConfigureAwait(false);
        }
        CancelAll();
        while (OpenCount() > 0 && !_stopped.Task.IsCompleted)
        {
            await Task.Delay(5).ConfigureAwait(false);
        }
    }

    /// <summary>Cancels all texts and stops the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        (_closing, _stopping) = (true, true);
        CancelAll();
        _work.Release();
        await _stopped.Task.ConfigureAwait(false);
        _engine.Dispose();
        _work.Dispose();
    }

    private int OpenCount()
    {
        lock (_lock)
        {
            return _open.Count;
        }
    }

    private void CancelAll()
    {
        lock (_lock)
        {
            foreach (Generation generation in _open)
            {
                generation.Cancel();
            }
        }
        _work.Release();
    }

    private void Loop()
    {
        CpuThread.Prepare(0);
        while (!_stopping || OpenCount() > 0)
        {
            if (!_engine.HasWork && _submitted.IsEmpty && _errands.IsEmpty)
            {
                _work.Wait();
            }
            while (_submitted.TryDequeue(out Generation? generation))
            {
                _engine.Add(generation);
            }
            if (_errands.TryDequeue(out Errand? errand))
            {
                errand.Run(_engine);
            }
            Step();
        }
        while (_errands.TryDequeue(out Errand? errand))
        {
            errand.Drop();
        }
        _stopped.SetResult();
    }

    private void Step()
    {
        try
        {
            _ = _engine.Step();
        }
        catch (Exception e)
        {
            Generation[] failed;
            _engine.Fail(e);
            lock (_lock)
            {
                failed = [.. _open.Where(g => g.FinishReason is not null)];
            }
            Array.ForEach(failed, Close);
        }
        foreach (Generation generation in _engine.Running)
        {
            Pass(generation);
        }
        foreach (Generation generation in _engine.Ended)
        {
            Close(generation);
        }
        lock (_lock)
        {
            _statistics = _engine.Statistics;
        }
    }

    private static void Pass(Generation generation)
    {
        while (generation.TryRead(out GenerationOutput output))
        {
            generation.Channel!.Writer.TryWrite(output);
        }
    }

    private void Close(Generation generation)
    {
        Pass(generation);
        lock (_lock)
        {
            _open.Remove(generation);
        }
        generation.Channel!.Writer.TryComplete(
            generation.Failure is { } failure ? new InvalidOperationException($"the engine failed: {failure.Message}", failure) : null
        );
    }

    /// <summary>What is done between two steps.</summary>
    private abstract class Errand
    {
        public abstract void Run(Engine engine);

        public abstract void Drop();
    }

    private sealed class Errand<T>(Func<Engine, T> work, CancellationToken cancelled) : Errand
    {
        public TaskCompletionSource<T> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override void Drop() => Result.TrySetCanceled(cancelled);

        public override void Run(Engine engine)
        {
            if (cancelled.IsCancellationRequested)
            {
                Drop();
                return;
            }
            try
            {
                Result.TrySetResult(work(engine));
            }
            catch (Exception e)
            {
                Result.TrySetException(e);
            }
        }
    }
}
