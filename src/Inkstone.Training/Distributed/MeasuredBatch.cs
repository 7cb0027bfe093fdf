using System.Text;
using Inkstone.Distributed;

namespace Inkstone.Training;

/// <summary>What a held-out batch gave.</summary>
/// <param name="Number">its number in the pass</param>
/// <param name="Nats">Σ −log p of its labels</param>
/// <param name="Labels">how many</param>
/// <param name="TextBytes">their text</param>
/// <param name="Terms">what the objective reports beside</param>
internal sealed record MeasuredBatch(int Number, double Nats, int Labels, long TextBytes, IReadOnlyList<MetricTerm> Terms)
{
    /// <summary>Those of all processes by their numbers, so that sums have the same bits whoever measured.</summary>
    public static IEnumerable<MeasuredBatch> Gather(List<MeasuredBatch> own, ICommunicator? ranks)
    {
        if (ranks is null || ranks.Size == 1)
        {
            return own;
        }
        using MemoryStream bytes = new();
        using (BinaryWriter writer = new(bytes, Encoding.UTF8, leaveOpen: true))
        {
            own.ForEach(batch => batch.Write(writer));
        }
        List<MeasuredBatch> all = [];
        foreach (byte[] part in ranks.GatherAll(bytes.ToArray()))
        {
            using BinaryReader reader = new(new MemoryStream(part), Encoding.UTF8);
            while (reader.BaseStream.Position < part.Length)
            {
                all.Add(Read(reader));
            }
        }
        return all.OrderBy(batch => batch.Number);
    }

    private void Write(BinaryWriter writer)
    {
        writer.Write(Number);
        writer.Write(Nats);
        writer.Write(Labels);
        writer.Write(TextBytes);
        writer.Write(Terms.Count);
        foreach (MetricTerm term in Terms)
        {
            writer.Write(term.Name);
            writer.Write(term.Sum);
            writer.Write(term.Normalizer);
        }
    }

    private static MeasuredBatch Read(BinaryReader reader)
    {
        (int number, double nats, int labels, long bytes) = (
            reader.ReadInt32(),
            reader.ReadDouble(),
            reader.ReadInt32(),
            reader.ReadInt64()
        );
        MetricTerm[] terms = new MetricTerm[reader.ReadInt32()];
        for (int i = 0; i < terms.Length; i++)
        {
            terms[i] = new MetricTerm(reader.ReadString(), reader.ReadDouble(), reader.ReadDouble());
        }
        return new MeasuredBatch(number, nats, labels, bytes, terms);
    }
}
