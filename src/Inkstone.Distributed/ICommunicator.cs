namespace Inkstone.Distributed;

/// <summary>
/// The processes that work on one thing, each with a number, its rank. Collective operations are called by all of them in the same order,
/// with the same sizes, by one thread of each;
/// they return when this process' part is done. An operation that waits leaves the processor to others.
/// </summary>
public interface ICommunicator : IDisposable
{
    /// <summary>This process, from 0.</summary>
    int Rank { get; }

    /// <summary>Number of processes.</summary>
    int Size { get; }

    /// <summary>Processes on this machine, this one included.</summary>
    int LocalSize { get; }

    /// <summary>Whether waiting gives way to computing: it then sleeps between looks instead of yielding.</summary>
    bool Patient { get; set; }

    /// <summary>Replaces numbers by their sums over all ranks, in an order that is the library's.</summary>
    void AllReduce(Span<float> values);

    /// <summary>The same in double precision. Sums in which all but one number are 0 are exact.</summary>
    void AllReduce(Span<double> values);

    /// <summary>Sends the r-th part of <paramref name="send"/> to rank r and receives a part from each, in the order of ranks.</summary>
    /// <param name="send">parts side by side</param>
    /// <param name="sendBytes">bytes of each part that is sent</param>
    /// <param name="receive">parts side by side</param>
    /// <param name="receiveBytes">bytes of each part that is received</param>
    void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendBytes, Span<byte> receive, ReadOnlySpan<int> receiveBytes);

    /// <summary>Completes a buffer of which each rank has its own part: parts side by side in the order of ranks.</summary>
    void AllGather(Span<byte> buffer, ReadOnlySpan<int> bytes);

    /// <summary>Gives all ranks what one has.</summary>
    void Broadcast(Span<byte> buffer, int root);

    /// <summary>Returns when all ranks have called it.</summary>
    void Barrier();

    /// <summary>A communicator of the same ranks for another thread; its operations are in no order with those of this one.</summary>
    ICommunicator Duplicate();

    /// <summary>Ends all processes with an exit code.</summary>
    void Abort(int code);
}
