using Inkstone.Reports;

namespace Inkstone.Studio;

/// <summary>
/// The numbers that a run has logged so far. metrics.jsonl is read once, on all processors, and from then on from where the last look
/// ended;
/// a run that was resumed has cut it back, which shows in its length or in the bytes before that place, and it is read anew.
/// </summary>
internal sealed class MetricLog(string directory)
{
    private const int BlockBytes = 32 << 20,
        SegmentBytes = 1 << 20,
        MarkBytes = 256;

    private readonly string _file = Path.Combine(directory, "metrics.jsonl");
    private readonly Lock _lock = new();
    private MetricColumns _columns = new();
    private byte[] _mark = [];
    private long _read,
        _began,
        _events = -1;

    /// <summary>Reads what is new and gives the columns to <paramref name="use"/>, with a version that changes when they do.</summary>
    public T Use<T>(Func<MetricColumns, string, T> use)
    {
        lock (_lock)
        {
            if (File.Exists(_file))
            {
                ReadMetrics();
            }
            else
            {
                ReadEvents();
            }
            return use(_columns, $"{_began:x}-{_read:x}-{_events:x}");
        }
    }

    private void ReadMetrics()
    {
        using FileStream file = new(_file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        if (file.Length < _read || !MarkHolds(file))
        {
            (_columns, _mark, _read) = (new MetricColumns(), [], 0);
            _began++;
        }
        if (file.Length == _read)
        {
            return;
        }
        byte[] block = new byte[(int)Math.Min(BlockBytes, file.Length - _read)];
        int held = 0;
        file.Position = _read;
        while (true)
        {
            int count = file.ReadAtLeast(block.AsSpan(held), block.Length - held, throwOnEndOfStream: false) + held;
            int end = block.AsSpan(0, count).LastIndexOf((byte)'\n') + 1; // the last line may not be whole yet
            AddSegments(block, end);
            _read += end;
            if (end > 0)
            {
                _mark = block[Math.Max(0, end - MarkBytes)..end];
            }
            if (count < block.Length || file.Position >= file.Length)
            {
                return;
            }
            held = count - end;
            if (end == 0)
            {
                Array.Resize(ref block, block.Length * 2); // a line longer than a block
            }
            block.AsSpan(end, held).CopyTo(block);
        }
    }

    private bool MarkHolds(FileStream file)
    {
        byte[] bytes = new byte[_mark.Length];
        file.Position = _read - _mark.Length;
        file.ReadExactly(bytes);
        return bytes.AsSpan().SequenceEqual(_mark);
    }

    /// <summary>Segments end where lines end.</summary>
    private void AddSegments(byte[] block, int length)
    {
        List<(int Start, int End)> segments = [];
        for (int start = 0; start < length; )
        {
            int end = Math.Min(length, start + Math.Max(SegmentBytes, length / Environment.ProcessorCount));
            end = end == length ? length : end + block.AsSpan(end, length - end).IndexOf((byte)'\n') + 1;
            segments.Add((start, end));
            start = end;
        }
        if (segments.Count == 1)
        {
            _columns.Add(block.AsSpan(0, length));
            return;
        }
        MetricColumns[] parts = new MetricColumns[segments.Count];
        Parallel.For(
            0,
            parts.Length,
            i =>
            {
                ReadOnlySpan<byte> lines = block.AsSpan(segments[i].Start, segments[i].End - segments[i].Start);
                parts[i] = new MetricColumns(lines.Count((byte)'\n') + 1);
                parts[i].Add(lines);
            }
        );
        Array.ForEach(parts, _columns.Append);
    }

    /// <summary>TensorBoard's event files have no lines to go on from, and are read anew when they have grown.</summary>
    private void ReadEvents()
    {
        string[] files = TensorBoardReader.Files(directory);
        long bytes = files.Sum(f => new FileInfo(f).Length);
        if (bytes == _events)
        {
            return;
        }
        _events = bytes;
        _columns = MetricColumns.FromCurves(TensorBoardReader.Read(files));
    }
}
