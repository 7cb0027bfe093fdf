namespace Inkstone.Distributed;

/// <summary>What is known of MPI on this machine, without starting it.</summary>
/// <param name="Library">file name of the library that would be used; null: there is none</param>
/// <param name="Version">what it says of itself</param>
/// <param name="Abi">open-mpi or mpich</param>
/// <param name="Launch">who started this process; null: nobody that knows MPI</param>
public sealed record MpiFindings(string? Library, string? Version, string? Abi, Launch? Launch)
{
    /// <summary>A sentence for those who have none.</summary>
    public const string HowToInstall =
        "install one (Debian, Ubuntu: apt install openmpi-bin; Fedora: dnf install openmpi; macOS: brew install open-mpi), or name its file in INK_MPI";

    /// <summary>Looks.</summary>
    public static MpiFindings Look()
    {
        Launch? launch = Launch.Current;
        return Mpi.Find(launch) is { } mpi
            ? new MpiFindings(mpi.Name, mpi.Version, mpi.IsOpenMpi ? "open-mpi" : "mpich", launch)
            : new MpiFindings(null, null, null, launch);
    }
}
