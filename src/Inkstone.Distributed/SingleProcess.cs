namespace Inkstone.Distributed;

/// <summary>One process alone: every collective has its result already.</summary>
public sealed class SingleProcess : ICommunicator
{
    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int Size => 1;

    /// <inheritdoc/>
    public int LocalSize => 1;

    /// <inheritdoc/>
    public bool Patient { get; set; }

    /// <inheritdoc/>
    public void AllReduce(Span<float> values) { }

    /// <inheritdoc/>
    public void AllReduce(Span<double> values) { }

    /// <inheritdoc/>
    public void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendBytes, Span<byte> receive, ReadOnlySpan<int> receiveBytes) =>
        send[..sendBytes[0]].CopyTo(receive);

    /// <inheritdoc/>
    public void AllGather(Span<byte> buffer, ReadOnlySpan<int> bytes) { }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> buffer, int root) { }

    /// <inheritdoc/>
    public void Barrier() { }

    /// <inheritdoc/>
    public ICommunicator Duplicate() => this;

    /// <inheritdoc/>
    public void Abort(int code) => Environment.Exit(code);

    /// <inheritdoc/>
    public void Dispose() { }
}
