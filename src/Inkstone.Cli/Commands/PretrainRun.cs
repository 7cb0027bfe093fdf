using Inkstone.Files;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>A pretraining run under this call's progress, threads and signals.</summary>
internal static class PretrainRun
{
    public static RunResult Train(CommandContext call, Recipe recipe, bool resume, bool force, bool allowChangedData = false) =>
        call.WithTrainLog(log =>
            call.Compute(
                device =>
                {
                    using DirectoryLock? held = call.Ranks.Rank == 0 ? DirectoryLock.Take(recipe.Out) : null;
                    PeakMeasure peak = new(device);
                    using Pretrain run = new(
                        recipe,
                        device,
                        new RunOptions(resume, force, peak.Measure, call.Warn, allowChangedData) { Ranks = call.Ranks }
                    );
                    call.Say(RunReport.Plan(run.Plan, peak.Share));
                    return call.Saving(() => run.Run(log, call.Cancelled));
                },
                recipe.Device.Threads,
                recipe.Device.Precision
            )
        );
}
