using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

public sealed partial class Preparation
{
    private PrepareResult Write(
        PrepareState state,
        List<FilterCount> counts,
        IReadOnlyList<string> files,
        string folder,
        PrepareSpool spool,
        BitArray? near,
        IProgress<PrepareProgress>? progress,
        CancellationToken cancellation
    )
    {
        LengthHistogram histogram = new();
        long train = 0,
            valid = 0,
            bytes = 0,
            seen = 0,
            cut = 0,
            tooShort = 0,
            nearCount = 0;
        using (PreparedWriter writer = new(folder, options))
        {
            foreach ((ReadOnlyMemory<byte> memory, bool isCut) in spool.Read())
            {
                if (seen % 1024 == 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    progress?.Report(new PrepareProgress("write", seen, state.Spooled, train + valid));
                }
                bool isNear = near?[(int)seen] == true;
                seen++;
                if (isCut)
                {
                    cut++;
                }
                ReadOnlySpan<byte> text = memory.Span;
                if (text.IsEmpty)
                {
                    tooShort++;
                }
                else if (isNear)
                {
                    nearCount++;
                    state.Tally.AddDropped("near duplicates", null, null, new Document("", 0, Encoding.UTF8.GetString(text)));
                }
                if (text.IsEmpty || isNear)
                {
                    continue;
                }

                bool isValid = IsValid(text, options.ValidRatio);
                writer.Write(text, isValid);
                histogram.Add(Encoding.UTF32.GetByteCount(Encoding.UTF8.GetString(text)) / 4);
                bytes += text.Length;
                if (isValid)
                {
                    valid++;
                }
                else
                {
                    train++;
                }
            }
            if (train == 0 && valid > 0)
            {
                throw new InvalidDataException(
                    $"all {valid} documents fell to the validation side: give more text or a valid ratio below {options.ValidRatio}."
                );
            }
            if (train == 0)
            {
                throw new InvalidDataException("no document is left: all lines are repeated ones; give a larger length to --dedup-lines.");
            }
            writer.Complete();
        }
        if (options.DedupLines > 0)
        {
            counts.Add(new FilterCount("repeated lines", seen, cut - tooShort, tooShort));
        }
        if (near is not null)
        {
            counts.Add(new FilterCount("near duplicates", seen - tooShort, 0, nearCount));
        }
        PrepareResult result = new(
            options.Output,
            counts,
            histogram.Summarize(),
            train + valid,
            train,
            valid,
            bytes,
            options,
            state.Tally.Findings(),
            Conversions(files)
        );
        AtomicFile.Write(
            Path.Combine(folder, MetadataName),
            stream => JsonSerializer.Serialize(stream, result, Metadata.Readable.PrepareResult)
        );
        if (options.Report)
        {
            AtomicFile.WriteText(Path.Combine(folder, ReportName), PrepareReport.Html(result, histogram.Bins()));
        }
        return result;
    }

    private void RefuseEmpty(DocumentReader reader, PrepareTally tally, long spooled)
    {
        if (spooled > 0)
        {
            return;
        }
        string drops = string.Join(", ", tally.Reasons.Select(r => $"{r.Key}: {r.Value}"));
        throw new InvalidDataException(
            reader.Documents == 0
                ? $"The input '{options.Inputs[0]}' holds no document: check the files and the text keys."
                : $"Of {reader.Documents} documents none is left after cleaning ({drops}): loosen the limits, for example a minimum length below {options.MinLength}."
        );
    }
}
