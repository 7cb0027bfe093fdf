using Inkstone.Distributed;

namespace Inkstone.Cli;

/// <summary><c>ink inspect --mpi</c>: which MPI was found, who started this process, and where its threads and those of its neighbours
/// would compute.</summary>
internal static class MpiSheet
{
    public static FactSheet Create(CommandContext call)
    {
        MpiFindings found = MpiFindings.Look();
        FactSheet sheet = new("mpi", found.Library ?? "none");
        sheet.Add("version", found.Version);
        sheet.Add("abi", found.Abi);
        sheet.Add("launcher", found.Launch?.Launcher);
        sheet.Add("ranks", call.Ranks.Size);
        sheet.Add("ranks_on_this_machine", call.Ranks.LocalSize);
        sheet.Add("processors_allowed", Environment.ProcessorCount);
        MpiCommunicator? mpi = call.Ranks as MpiCommunicator;
        sheet.Add("threads_of_a_rank", call.Threads ?? mpi?.Processors ?? Environment.ProcessorCount);
        sheet.Add("first_processor", mpi?.FirstProcessor ?? 0);
        sheet.Add("advice", Advice(found, call, mpi));
        return sheet;
    }

    private static string Advice(MpiFindings found, CommandContext call, MpiCommunicator? mpi) =>
        found.Library is null ? "no MPI library is here: " + MpiFindings.HowToInstall
        : found.Launch is null
            ? (
                found.Abi == "open-mpi"
                    ? "start several processes with mpirun -n N --bind-to none -x TERM=dumb ink pretrain RECIPE, or --map-by slot:PE=T for T threads each"
                    : "start several processes with mpiexec -n N ink pretrain RECIPE"
            )
        : call.Ranks.LocalSize > Environment.ProcessorCount && mpi is { Processors: 1 }
            ? "more ranks than processors: they take turns, and the job is slower than with fewer"
        : "each rank computes with the threads above, on processors of its own";
}
