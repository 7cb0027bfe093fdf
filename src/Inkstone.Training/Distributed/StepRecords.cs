using System.Text;
using Inkstone.Distributed;
using Inkstone.Models;

namespace Inkstone.Training;

/// <summary>What a micro-batch found, beside its gradient.</summary>
internal sealed class MicroBatchRecord
{
    public int Number { get; set; }

    public double Loss { get; set; }

    /// <summary>How much of it objective and model added to what logs call the loss.</summary>
    public double Added { get; set; }

    /// <summary>What it adds to the metrics of the model, in their order.</summary>
    public (double Part, double Count)[] ModelParts { get; set; } = [];

    /// <summary>What it adds to those of the objective.</summary>
    public List<MetricTerm> Terms { get; } = [];
}

/// <summary>
/// What the micro-batches of a step found, gathered from all processes and read in the order of their numbers, so that sums of losses and
/// metrics have the same bits on each and for any
/// number of processes. With it goes what all have to know before the step ends: who wants to stop, and which parameters a gradient has
/// reached.
/// </summary>
internal sealed class StepRecords
{
    private readonly List<MicroBatchRecord> _own = [],
        _view = [];
    private int _count;

    /// <summary>Forgets the step before.</summary>
    public void Begin() => _count = 0;

    /// <summary>A record to be filled for an own micro-batch.</summary>
    public MicroBatchRecord Next(int number, int modelMetrics)
    {
        if (_count == _own.Count)
        {
            _own.Add(new MicroBatchRecord());
        }
        MicroBatchRecord record = _own[_count++];
        (record.Number, record.Loss, record.Added) = (number, 0, 0);
        record.ModelParts = record.ModelParts.Length == modelMetrics ? record.ModelParts : new (double, double)[modelMetrics];
        record.Terms.Clear();
        return record;
    }

    /// <summary>The own records; of all micro-batches where there is one process.</summary>
    public IReadOnlyList<MicroBatchRecord> Own
    {
        get
        {
            _view.Clear();
            _view.AddRange(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_own)[.._count]);
            return _view;
        }
    }

    /// <summary>The records of all processes in the order of their micro-batches.</summary>
    /// <param name="ranks">the processes</param>
    /// <param name="stop">whether this one wants to stop behind the step; then whether any does</param>
    /// <param name="reached">which parameters a gradient has reached here; then anywhere</param>
    public IReadOnlyList<MicroBatchRecord> Gather(ICommunicator ranks, ref bool stop, Span<bool> reached)
    {
        using MemoryStream bytes = new();
        using (BinaryWriter writer = new(bytes, Encoding.UTF8, leaveOpen: true))
        {
            Write(writer, stop, reached);
        }
        List<MicroBatchRecord> all = [];
        foreach (byte[] part in ranks.GatherAll(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)))
        {
            using BinaryReader reader = new(new MemoryStream(part), Encoding.UTF8);
            Read(reader, all, ref stop, reached);
        }
        all.Sort((a, b) => a.Number.CompareTo(b.Number));
        return all;
    }

    private void Write(BinaryWriter writer, bool stop, ReadOnlySpan<bool> reached)
    {
        writer.Write(stop);
        foreach (bool one in reached)
        {
            writer.Write(one);
        }
        writer.Write(_count);
        foreach (MicroBatchRecord record in Own)
        {
            writer.Write(record.Number);
            writer.Write(record.Loss);
            writer.Write(record.Added);
            writer.Write(record.ModelParts.Length);
            foreach ((double part, double count) in record.ModelParts)
            {
                writer.Write(part);
                writer.Write(count);
            }
            writer.Write(record.Terms.Count);
            foreach (MetricTerm term in record.Terms)
            {
                writer.Write(term.Name);
                writer.Write(term.Sum);
                writer.Write(term.Normalizer);
            }
        }
    }

    private static void Read(BinaryReader reader, List<MicroBatchRecord> all, ref bool stop, Span<bool> reached)
    {
        stop |= reader.ReadBoolean();
        foreach (ref bool one in reached)
        {
            one |= reader.ReadBoolean();
        }
        for (int left = reader.ReadInt32(); left > 0; left--)
        {
            MicroBatchRecord record = new()
            {
                Number = reader.ReadInt32(),
                Loss = reader.ReadDouble(),
                Added = reader.ReadDouble(),
                ModelParts = new (double, double)[reader.ReadInt32()],
            };
            for (int i = 0; i < record.ModelParts.Length; i++)
            {
                record.ModelParts[i] = (reader.ReadDouble(), reader.ReadDouble());
            }
            for (int terms = reader.ReadInt32(); terms > 0; terms--)
            {
                record.Terms.Add(new MetricTerm(reader.ReadString(), reader.ReadDouble(), reader.ReadDouble()));
            }
            all.Add(record);
        }
    }
}
