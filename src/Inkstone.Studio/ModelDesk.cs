using Inkstone.Chat;
using Inkstone.Inference;
using Inkstone.Server;
using Inkstone.Text;

namespace Inkstone.Studio;

/// <summary>Tokenizers and the one model that is open; another takes its place when it is asked for, once what it does has ended.</summary>
internal sealed class ModelDesk(StudioOptions options, Telemetry telemetry) : IAsyncDisposable
{
    private const int CacheTokens = 16_384;
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private (string Path, DateTime Written, Tokenizer Tokenizer)? _tokenizer;
    private OpenModel? _open;
    private int _users;

    /// <summary>The tokenizer of a run; the last one is kept.</summary>
    public Tokenizer Tokenizer(StudioRun run)
    {
        if (!run.HasTokenizer)
        {
            throw new ApiException(400, $"{run.Name} has no tokenizer yet; it comes with the first checkpoint.");
        }
        lock (_lock)
        {
            if (_tokenizer is not { } kept || kept.Path != run.Path || kept.Written != Written(run.Path))
            {
                _tokenizer = kept = (run.Path, Written(run.Path), options.Tokenizer(run.Path));
            }
            return kept.Tokenizer;
        }
    }

    /// <summary>Lets <paramref name="use"/> have the model of a run, opened if need be, and anew when the run has saved another
    /// checkpoint.</summary>
    public async Task<T> UseAsync<T>(StudioRun run, Func<OpenModel, Task<T>> use, CancellationToken cancelled)
    {
        if (!run.HasModel)
        {
            throw new ApiException(400, $"{run.Name} has no model yet; it comes with the first checkpoint.");
        }
        OpenModel open;
        await _turn.WaitAsync(cancelled).ConfigureAwait(false);
        try
        {
            if (_open is null || _open.Path != run.Path || _open.Written != Written(run.Path))
            {
                while (Volatile.Read(ref _users) > 0)
                {
                    await Task.Delay(Wait, cancelled).ConfigureAwait(false);
                }
                await CloseAsync().ConfigureAwait(false);
                _open = await Task.Run(() => Open(run), cancelled).ConfigureAwait(false);
            }
            open = _open;
            Interlocked.Increment(ref _users);
        }
        finally
        {
            _turn.Release();
        }
        try
        {
            return await use(open).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _users);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private OpenModel Open(StudioRun run)
    {
        DateTime written = Written(run.Path);
        OpenedModel opened = options.Open(run.Path);
        AsyncEngine engine = new(
            opened.Model,
            options.Tokenizer(run.Path),
            new EngineOptions { MaxSequences = 2, CacheTokens = Math.Min(CacheTokens, opened.Model.MaxPositionEmbeddings * 2L) }
        );
        ServedModel served = new(new ChatModel(engine, opened.Settings), new ServerOptions { ModelName = run.Name }, telemetry);
        return new OpenModel(run.Path, written, opened, engine, served);
    }

    private async Task CloseAsync()
    {
        if (_open is { } open)
        {
            _open = null;
            await open.Engine.DisposeAsync().ConfigureAwait(false);
            open.Opened.Model.Dispose();
            open.Opened.Device.Dispose();
        }
    }

    /// <summary>When a checkpoint was last written: the index is renamed into its place.</summary>
    private static DateTime Written(string path) => File.GetLastWriteTimeUtc(Path.Combine(path, "checkpoints", "checkpoints.json"));
}

/// <summary>The model that is open.</summary>
/// <param name="Path">of what run</param>
/// <param name="Written">when its checkpoint was written</param>
/// <param name="Opened">model and device</param>
/// <param name="Engine">makes its texts</param>
/// <param name="Served">what the chat's endpoint needs of it</param>
internal sealed record OpenModel(string Path, DateTime Written, OpenedModel Opened, AsyncEngine Engine, ServedModel Served);
