using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

public sealed partial class Preparation
{
    /// <summary>Which of the documents that the spool still gives are near an earlier one.</summary>
    private BitArray FindNear(
        PrepareState state,
        NearDuplicateOptions near,
        PrepareSpool spool,
        ResumableDirectory work,
        IProgress<PrepareProgress>? progress,
        CancellationToken cancellation
    )
    {
        state.Save(work.Path);
        work.Keep();
        string folder = Directory.CreateDirectory(Path.Combine(work.Path, "near")).FullName;
        NearDuplicateSearch search = new(folder, near with { Threads = options.Threads }, state.Identity, state.SpoolBytes);
        NearDuplicateCounts counts = search.Run(
            from => spool.Read().Skip(checked((int)from)).Select(d => Encoding.UTF8.GetString(d.Text.Span)),
            new Relayed(p => progress?.Report(new PrepareProgress($"near duplicates: {p.Stage}", p.Done, p.Total, state.Spooled))),
            cancellation
        );
        Clusters clusters = new(counts.Documents);
        foreach (NearPair pair in search.ReadPairs())
        {
            clusters.Join(pair.A, pair.B);
        }
        BitArray dropped = new(checked((int)counts.Documents));
        for (uint row = 0; row < dropped.Length; row++)
        {
            dropped[(int)row] = clusters.First(row) != row;
        }
        return dropped;
    }

    private sealed class Relayed(Action<NearDuplicateProgress> report) : IProgress<NearDuplicateProgress>
    {
        public void Report(NearDuplicateProgress value) => report(value);
    }
}
