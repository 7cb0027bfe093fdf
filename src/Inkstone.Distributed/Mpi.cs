using System.Runtime.InteropServices;

namespace Inkstone.Distributed;

/// <summary>
/// An MPI library, loaded at run time: function pointers, and the two tables of handles and constants in which Open MPI and MPICH (and its
/// relatives) differ. Open MPI's handles are
/// addresses, MPICH's are 32-bit numbers; both fit a <see langword="nint"/> that is 0 before it is written. Calls of all threads take
/// turns.
/// </summary>
internal sealed unsafe class Mpi
{
    /// <summary>A variable that names another library.</summary>
    public const string NameVariable = "INK_MPI";

    private const int ThreadsTakeTurns = 2; // MPI_THREAD_SERIALIZED

    /// <summary>Exact names: those without a number come with development packages only.</summary>
    private static readonly string[] Names = OperatingSystem.IsMacOS()
        ? ["libmpi.40.dylib", "libmpi.12.dylib"]
        : ["libmpi.so.40", "libmpich.so.12", "libmpi.so.12"];

    private readonly nint _library,
        _inPlace,
        _ignore;
    private readonly delegate* unmanaged<int> _finalize;
    private readonly delegate* unmanaged<nint, int, int> _abort;
    private readonly delegate* unmanaged<nint, nint*, int> _duplicate;
    private readonly delegate* unmanaged<nint*, int*, nint, int> _test;
    private readonly delegate* unmanaged<nint*, int> _cancel;
    private readonly delegate* unmanaged<void*, void*, int, nint, nint, nint, nint*, int> _allReduce;
    private readonly delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int> _allToAll;
    private readonly delegate* unmanaged<void*, int, nint, void*, int*, int*, nint, nint, nint*, int> _allGather;
    private readonly delegate* unmanaged<void*, int, nint, int, nint, nint*, int> _broadcast;
    private readonly delegate* unmanaged<nint, nint*, int> _barrier;
    private readonly delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> _send,
        _receive;

    private Mpi(nint library, string name)
    {
        (_library, Name) = (library, name);
        IsOpenMpi = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out nint world);
        World = IsOpenMpi ? world : 0x44000000;
        Bytes = Handle("ompi_mpi_byte", 0x4c00010d);
        Floats = Handle("ompi_mpi_float", 0x4c00040a);
        Doubles = Handle("ompi_mpi_double", 0x4c00080b);
        Sum = Handle("ompi_mpi_op_sum", 0x58000003);
        (_inPlace, _ignore) = IsOpenMpi ? (1, 0) : (-1, 1);
        _finalize = (delegate* unmanaged<int>)Export("MPI_Finalize");
        _abort = (delegate* unmanaged<nint, int, int>)Export("MPI_Abort");
        _duplicate = (delegate* unmanaged<nint, nint*, int>)Export("MPI_Comm_dup");
        _test = (delegate* unmanaged<nint*, int*, nint, int>)Export("MPI_Test");
        _cancel = (delegate* unmanaged<nint*, int>)Export("MPI_Cancel");
        _allReduce = (delegate* unmanaged<void*, void*, int, nint, nint, nint, nint*, int>)Export("MPI_Iallreduce");
        _allToAll = (delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int>)Export("MPI_Ialltoallv");
        _allGather = (delegate* unmanaged<void*, int, nint, void*, int*, int*, nint, nint, nint*, int>)Export("MPI_Iallgatherv");
        _broadcast = (delegate* unmanaged<void*, int, nint, int, nint, nint*, int>)Export("MPI_Ibcast");
        _barrier = (delegate* unmanaged<nint, nint*, int>)Export("MPI_Ibarrier");
        _send = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Export("MPI_Isend");
        _receive = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Export("MPI_Irecv");
    }

    /// <summary>Taken around every call.</summary>
    public Lock Turn { get; } = new();

    /// <summary>File name of the library.</summary>
    public string Name { get; }

    /// <summary>Whether it is Open MPI; else it is MPICH or has its ABI.</summary>
    public bool IsOpenMpi { get; }

    /// <summary>All processes.</summary>
    public nint World { get; }

    /// <summary>Data types, and the operation of summing.</summary>
    public nint Bytes { get; }

    /// <inheritdoc cref="Bytes"/>
    public nint Floats { get; }

    /// <inheritdoc cref="Bytes"/>
    public nint Doubles { get; }

    /// <inheritdoc cref="Bytes"/>
    public nint Sum { get; }

    /// <summary>The first line of what the library says of itself; it may be asked before <see cref="Start"/>.</summary>
    public string Version
    {
        get
        {
            byte* text = stackalloc byte[8192]; // MPI_MAX_LIBRARY_VERSION_STRING of MPICH; Open MPI has 256
            int length = 0;
            Check(((delegate* unmanaged<byte*, int*, int>)Export("MPI_Get_library_version"))(text, &length), "MPI_Get_library_version");
            return Marshal
                .PtrToStringUTF8((nint)text, length)
                .TrimEnd('\0')
                .ReplaceLineEndings("\n")
                .Split('\n')[0]
                .Replace('\t', ' ')
                .Trim();
        }
    }

    /// <summary>The first library of those that are known; null: there is none.</summary>
    /// <param name="launch">who started the process: its own library is tried first</param>
    public static Mpi? Find(Launch? launch)
    {
        PrepareEnvironment();
        string? wanted = Environment.GetEnvironmentVariable(NameVariable);
        foreach (
            string name in wanted is { Length: > 0 } ? [wanted]
            : launch is { IsOpenMpi: false } ? Names.Skip(1).Append(Names[0])
            : Names
        )
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return new Mpi(library, name);
            }
        }
        return null;
    }

    /// <summary>MPI_Init_thread; the handlers of faults stay the runtime's, so that a null reference is an exception as ever.</summary>
    public (int Rank, int Size) Start()
    {
        int[] signals = [8, 11, OperatingSystem.IsMacOS() ? 10 : 7]; // SIGFPE, SIGSEGV, SIGBUS
        nint libc = LibC();
        delegate* unmanaged<int, void*, void*, int> action = (delegate* unmanaged<int, void*, void*, int>)
            NativeLibrary.GetExport(libc, "sigaction");
        byte* handlers = stackalloc byte[signals.Length * 256]; // struct sigaction has 152 bytes
        for (int i = 0; i < signals.Length; i++)
        {
            _ = action(signals[i], null, handlers + i * 256);
        }
        int provided = 0,
            rank = 0,
            size = 0;
        Check(
            ((delegate* unmanaged<int*, byte***, int, int*, int>)Export("MPI_Init_thread"))(null, null, ThreadsTakeTurns, &provided),
            "MPI_Init_thread"
        );
        for (int i = 0; i < signals.Length; i++)
        {
            _ = action(signals[i], handlers + i * 256, null);
        }
        if (provided < ThreadsTakeTurns)
        {
            throw new InvalidOperationException($"{Name} was built without threads; install another MPI");
        }
        Check(((delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_rank"))(World, &rank), "MPI_Comm_rank");
        Check(((delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_size"))(World, &size), "MPI_Comm_size");
        return (rank, size);
    }

    public void End() => Check(_finalize(), "MPI_Finalize");

    public void Abort(int code) => _ = _abort(World, code);

    public nint Duplicate(nint communicator)
    {
        nint copy = 0;
        Check(_duplicate(communicator, &copy), "MPI_Comm_dup");
        return copy;
    }

    public bool Test(ref nint request)
    {
        int done = 0;
        fixed (nint* at = &request)
        {
            Check(_test(at, &done, _ignore), "MPI_Test");
        }
        return done != 0;
    }

    /// <summary>Takes a receive back that nobody will serve; it is done with the next successful <see cref="Test"/>.</summary>
    public void Cancel(ref nint request)
    {
        fixed (nint* at = &request)
        {
            Check(_cancel(at), "MPI_Cancel");
        }
    }

    public nint AllReduce(void* values, int count, nint type, nint communicator)
    {
        nint request = 0;
        Check(_allReduce((void*)_inPlace, values, count, type, Sum, communicator, &request), "MPI_Iallreduce");
        return request;
    }

    public nint AllToAll(
        void* send,
        int* sendBytes,
        int* sendStarts,
        void* receive,
        int* receiveBytes,
        int* receiveStarts,
        nint communicator
    )
    {
        nint request = 0;
        Check(
            _allToAll(send, sendBytes, sendStarts, Bytes, receive, receiveBytes, receiveStarts, Bytes, communicator, &request),
            "MPI_Ialltoallv"
        );
        return request;
    }

    public nint AllGather(void* buffer, int* bytes, int* starts, nint communicator)
    {
        nint request = 0;
        Check(_allGather((void*)_inPlace, 0, Bytes, buffer, bytes, starts, Bytes, communicator, &request), "MPI_Iallgatherv");
        return request;
    }

    public nint Broadcast(void* buffer, int bytes, int root, nint communicator)
    {
        nint request = 0;
        Check(_broadcast(buffer, bytes, Bytes, root, communicator, &request), "MPI_Ibcast");
        return request;
    }

    public nint Barrier(nint communicator)
    {
        nint request = 0;
        Check(_barrier(communicator, &request), "MPI_Ibarrier");
        return request;
    }

    public nint Send(void* buffer, int bytes, int to, int tag, nint communicator)
    {
        nint request = 0;
        Check(_send(buffer, bytes, Bytes, to, tag, communicator, &request), "MPI_Isend");
        return request;
    }

    public nint Receive(void* buffer, int bytes, int from, int tag, nint communicator)
    {
        nint request = 0;
        Check(_receive(buffer, bytes, Bytes, from, tag, communicator, &request), "MPI_Irecv");
        return request;
    }

    /// <summary>
    /// C's environment, which .NET's does not reach: UCX leaves the handlers of faults alone, and MPI_Init and MPI_Finalize yield where
    /// ranks share a core.
    /// </summary>
    private static void PrepareEnvironment()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        delegate* unmanaged<byte*, byte*, int, int> set = (delegate* unmanaged<byte*, byte*, int, int>)
            NativeLibrary.GetExport(LibC(), "setenv");
        foreach ((string name, string value) in ((string, string)[])[("UCX_ERROR_SIGNALS", ""), ("OMPI_MCA_mpi_yield_when_idle", "1")])
        {
            nint key = Marshal.StringToCoTaskMemUTF8(name),
                text = Marshal.StringToCoTaskMemUTF8(value);
            _ = set((byte*)key, (byte*)text, 0);
            Marshal.FreeCoTaskMem(key);
            Marshal.FreeCoTaskMem(text);
        }
    }

    private static nint LibC() => NativeLibrary.Load(OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6");

    private nint Handle(string export, int number) => IsOpenMpi ? Export(export) : number;

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);

    private static void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new InvalidOperationException($"{call} failed with code {code}");
        }
    }
}
