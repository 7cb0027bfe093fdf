using System.Globalization;
using System.Runtime.InteropServices;
using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Bench;

/// <summary>What training keeps in a process.</summary>
/// <param name="Parameters">P</param>
/// <param name="Formula">what it should keep</param>
/// <param name="Activations">bytes of the step's arena at most, in the process that had most</param>
/// <param name="Measured">resident bytes at most while steps were taken, over those of the program before; of each process</param>
/// <param name="AtStart">the same until the first steps were taken, the making of the weights included; of the process with most</param>
public sealed record MemoryCost(long Parameters, RankMemory Formula, long Activations, IReadOnlyList<long> Measured, long AtStart)
{
    /// <summary>Formula and activations.</summary>
    public long Expected => Formula.Total + Activations;

    /// <summary>Of the process that deviates most: measured over expected.</summary>
    public double Ratio => Measured.Select(m => (double)m / Expected).MaxBy(r => Math.Abs(r - 1));
}

/// <summary>Measures the memory of training processes on random tokens. Linux alone tells a process its largest resident size anew.</summary>
public static class MemoryBench
{
    private const int WarmSteps = 2,
        Steps = 3;

    private const string Small = """
        {"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}
        """;

    /// <summary>Trains a few steps.</summary>
    /// <param name="device">what computes</param>
    /// <param name="config">the model, whose weights are random</param>
    /// <param name="rows">of a micro-batch</param>
    /// <param name="length">tokens of each</param>
    /// <param name="accumulation">micro-batches of each process in a step</param>
    /// <param name="optimizer">adamw or muon</param>
    /// <param name="recompute">whether blocks are computed twice</param>
    /// <param name="together">the processes, which all call it</param>
    public static MemoryCost Run(
        Device device,
        HfConfig config,
        int rows,
        int length,
        int accumulation,
        string optimizer,
        bool recompute,
        Cooperation together
    )
    {
        Train(HfConfig.Parse(Small, "a small model"), 1, 8, _ => { }); // code is made
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        long before = Resident("VmRSS:"),
            start = 0;
        (long parameters, RankMemory formula) = Train(
            config,
            rows,
            length,
            step =>
            {
                if (step == WarmSteps)
                {
                    start = Resident("VmHWM:") - before;
                    File.WriteAllText("/proc/self/clear_refs", "5");
                }
            }
        );
        long[] own = [Resident("VmHWM:") - before, start, device.Arena.PeakBytes];
        long[][] all =
        [
            .. together.Ranks.GatherAll(MemoryMarshal.AsBytes(own.AsSpan())).Select(b => MemoryMarshal.Cast<byte, long>(b).ToArray()),
        ];
        return new MemoryCost(parameters, formula, all.Max(a => a[2]), [.. all.Select(a => a[0])], all.Max(a => a[1]));

        (long Parameters, RankMemory Formula) Train(HfConfig of, int rowsOf, int lengthOf, Action<int> stepped)
        {
            using CausalLm model = Pretrained.New(of, device, 1);
            Trainer<Batch> trainer = new(
                model,
                new EndlessTokens(model.VocabSize, lengthOf),
                NextToken.Create(model, documentAware: false),
                new TrainOptions(
                    Steps: WarmSteps + Steps,
                    BatchSize: rowsOf,
                    Accumulation: accumulation * together.Ranks.Size,
                    Recompute: recompute,
                    EvalEvery: 0,
                    SaveEvery: 0
                ),
                new OptimizerOptions(optimizer),
                together: together
            )
            {
                Logs = [new Listener(stepped)],
            };
            trainer.Run();
            return (trainer.Trained.ElementCount, trainer.Memory);
        }
    }

    private static long Resident(string line) =>
        OperatingSystem.IsLinux()
            ? 1024
                * long.Parse(
                    File.ReadLines("/proc/self/status")
                        .First(l => l.StartsWith(line, StringComparison.Ordinal))[line.Length..]
                        .Replace("kB", "", StringComparison.Ordinal)
                        .Trim(),
                    CultureInfo.InvariantCulture
                )
            : throw new InvalidDataException("bench memory reads the sizes of the process as Linux tells them; other systems do not");

    private sealed class Listener(Action<int> stepped) : ITrainLog
    {
        public void Step(in StepMetrics step) => stepped(step.Step);
    }

    private sealed class EndlessTokens(int vocabulary, int length) : IBatchSource<Batch>
    {
        public long RowCount => 1 << 20;

        public int RowLength => length;

        public LoaderState State { get; set; }

        public bool PassEnded => false;

        public Batch NewBatch(int rows) => new(rows, length);

        public bool Next(Batch batch)
        {
            for (int i = 0; i < batch.Inputs.Length; i++)
            {
                batch.Inputs[i] = (int)(i * 7919L % vocabulary);
                batch.Labels[i] = (int)((i + 1) * 7919L % vocabulary);
                batch.Positions[i] = i % length;
            }
            batch.LabelCount = batch.TokenCount = batch.Inputs.Length;
            return true;
        }
    }
}
