using System.Globalization;

namespace Inkstone.Distributed;

/// <summary>What mpirun, Hydra or Slurm told this process in its environment, before any library is loaded.</summary>
/// <param name="Launcher">who started it, in words</param>
/// <param name="Rank">this process</param>
/// <param name="Size">number of processes</param>
public sealed record Launch(string Launcher, int Rank, int Size)
{
    private static readonly (string Launcher, string Rank, string Size)[] Known =
    [
        ("Open MPI's mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("a PMI launcher (Hydra's mpiexec, srun)", "PMI_RANK", "PMI_SIZE"),
        ("srun with PMIx", "PMIX_RANK", "SLURM_NTASKS"),
    ];

    /// <summary>Whether Open MPI's own launcher did.</summary>
    public bool IsOpenMpi => Launcher == Known[0].Launcher;

    /// <summary>What the environment says; null: this process was started alone.</summary>
    public static Launch? Current => Detect(Environment.GetEnvironmentVariable);

    /// <summary>The same of any environment.</summary>
    public static Launch? Detect(Func<string, string?> variable)
    {
        foreach ((string launcher, string rank, string size) in Known)
        {
            if (Number(variable(rank)) is { } own && Number(variable(size)) is { } all && own < all)
            {
                return new Launch(launcher, own, all);
            }
        }
        return null;

        static int? Number(string? text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
    }
}
