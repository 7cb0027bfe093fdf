using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// One optimizer step: all micro-batches forward and backward, then clip, then the optimizers. Nothing is allocated on the managed heap
/// once the first steps have filled the pools.
/// </summary>
/// <typeparam name="TBatch">what a micro-batch is</typeparam>
public sealed class TrainStep<TBatch>
    where TBatch : ITrainingBatch
{
    private readonly Device _device;
    private readonly Parameters _parameters;
    private readonly Objective<TBatch> _objective;
    private readonly IBatchSource<TBatch> _source;
    private readonly IReadOnlyList<IOptimizer> _optimizers;
    private readonly double _clip;
    private readonly TBatch[] _batches;
    private readonly StepRecords _records = new();
    private readonly List<Metric> _metrics = [];
    private int _modelMetrics = -1;

    /// <summary>
    /// The model, whose noise is drawn anew for each micro-batch, which is told that a step has ended, and which knows what of its loss is
    /// not the labels' likelihood;
    /// null where the objective has no such parts.
    /// </summary>
    public CausalLm? Model { get; init; }

    /// <summary>Bytes of text behind the labels of a batch; null where nobody asks for them.</summary>
    public Func<TBatch, long>? TextBytes { get; init; }

    /// <summary>The processes that take the step together; null: this one alone.</summary>
    internal Cooperation? Together { get; init; }

    /// <summary>What sums gradients over them, where there is something to sum.</summary>
    internal SharedGradients? Gradients { get; init; }

    /// <summary>What this process moves, where the optimizers are sharded.</summary>
    internal OwnParts? Parts { get; init; }

    /// <summary>Whether this process wants to stop; and what is called behind a step in which any of them does.</summary>
    internal (CancellationToken Asked, Action Agreed) Stop { get; init; } = (default, () => { });

    /// <summary>Seed of the model's noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>A step over <paramref name="accumulation"/> micro-batches of <paramref name="rows"/> rows; fewer where a pass over the data
    /// ends.</summary>
    public TrainStep(
        Device device,
        Parameters parameters,
        Objective<TBatch> objective,
        IBatchSource<TBatch> source,
        IReadOnlyList<IOptimizer> optimizers,
        int rows,
        int accumulation,
        double clip
    )
    {
        (_device, _parameters, _objective, _source, _optimizers, _clip) = (device, parameters, objective, source, optimizers, clip);
        _batches = new TBatch[accumulation];
        for (int i = 0; i < accumulation; i++)
        {
            _batches[i] = source.NewBatch(rows);
        }
    }

    /// <summary>Takes step <paramref name="number"/> (from 0) with a learning rate of <paramref name="multiple"/> times the peak.
    /// Parameters are untouched when the outcome is not finite.</summary>
    public StepOutcome Run(int number, double multiple)
    {
        int labels = 0,
            tokens = 0,
            count = 0;
        long bytes = 0;
        do
        {
            TBatch batch = _batches[count++];
            if (_source.ReadsModel && Gradients is { } gradients)
            {
                NextOfWholeModel(gradients, batch);
            }
            else
            {
                _source.Next(batch);
            }
            labels += batch.LabelCount;
            tokens += batch.TokenCount;
            bytes += TextBytes?.Invoke(batch) ?? 0;
        } while (count < _batches.Length && !_source.PassEnded);
        if (labels == 0)
        {
            return new StepOutcome(0, 0, 0, tokens); // nothing to learn from: weights, moments and decay stay as they are
        }
        Learn(number, labels, count);
        IReadOnlyList<MicroBatchRecord> records = Meet();
        double loss = 0,
            added = 0;
        for (int i = 0; i < records.Count; i++)
        {
            (loss, added) = (loss + records[i].Loss, added + records[i].Added);
            Tell(records[i]);
        }
        double norm = Parts is { } parts ? parts.Norm() : GradientClip.Norm(_parameters);
        if (double.IsFinite(loss) && double.IsFinite(norm))
        {
            double scale = GradientClip.Factor(norm, _clip);
            for (int i = 0; i < _optimizers.Count; i++)
            {
                _optimizers[i].Step(multiple, scale);
            }
            if (Parts is not null)
            {
                Gradients!.GatherWeights();
            }
        }
        _parameters.ZeroGrad();
        if (Together is { Ranks.Size: > 1 } && Gradients is { } shared)
        {
            Find("reduce_seconds").Add(shared.Seconds);
            Find("reduce_wait_seconds").Add(shared.WaitSeconds);
        }
        Model?.AfterStep();
        return new StepOutcome(loss - added, norm, labels, tokens, bytes) { Metrics = CloseMetrics() };
    }

    // Apart, because what a lambda captures is allocated where it is declared, needed or not.
    private void NextOfWholeModel(SharedGradients gradients, TBatch batch) => gradients.WithWhole(() => _source.Next(batch));

    /// <summary>Goes forward and backward through the own micro-batches.</summary>
    private void Learn(int number, int labels, int count)
    {
        int own = _batches.Length / (Together?.Ranks.Size ?? 1),
            last = own - 1;
        while (last >= 0 && !Teaches(last))
        {
            last--;
        }
        _records.Begin();
        Gradients?.Begin();
        for (int leaf = 0; leaf < own; leaf++)
        {
            Gradients?.Weights?.Begin();
            if (Teaches(leaf))
            {
                int i = Number(leaf);
                Gradients?.Listen(_device.Tape, leaf == last);
                Model?.TrainingRng.Begin(Seed, (long)number * _batches.Length + i);
                Accumulate(_batches[i], labels, _records.Next(i, Model?.Metrics.Count ?? 0));
                Model?.TrainingRng.End();
            }
            Gradients?.Leaf(_device.Tape);
        }
        Gradients?.Finish();

        int Number(int leaf) => Together?.Number(leaf, _batches.Length) ?? leaf;
        bool Teaches(int leaf) => Number(leaf) < count && _batches[Number(leaf)].LabelCount > 0;
    }

    /// <summary>What the micro-batches of all processes have found, in their order; gradients and counts of experts are those of all from
    /// here on.</summary>
    private IReadOnlyList<MicroBatchRecord> Meet()
    {
        if (Gradients is not { } gradients || Together is not { } together)
        {
            return _records.Own;
        }
        bool stop = Stop.Asked.IsCancellationRequested;
        IReadOnlyList<MicroBatchRecord> all = _records.Gather(together.Ranks, ref stop, gradients.Reached);
        if (stop)
        {
            Stop.Agreed();
        }
        for (int p = 0; p < gradients.Reached.Length; p++)
        {
            if (!gradients.Reached[p])
            {
                gradients.Parameters[p].Tensor.ZeroGrad(); // optimizers pass it over, as in one process
            }
        }
        foreach (ExpertRouter router in Model?.ExpertRouters ?? [])
        {
            float[] counts = router.Counts.ToArray();
            together.Ranks.AllReduce(counts); // whole numbers: exact in any order
            router.Recount(counts);
        }
        return all;
    }

    private void Accumulate(TBatch batch, int labels, MicroBatchRecord record)
    {
        using (_device.Step(record: true))
        {
            LossTerms terms = _objective(batch, labels);
            record.Added = terms.AddedLoss + (Model?.TakeAddedLoss() ?? 0);
            for (int i = 0; i < record.ModelParts.Length; i++)
            {
                record.ModelParts[i] = Model!.Metrics[i].Take();
            }
            for (int i = 0; i < terms.Metrics?.Count; i++)
            {
                record.Terms.Add(terms.Metrics[i]);
            }
            _device.Tape.Backward(terms.Loss);
            record.Loss = terms.Loss.Item();
        }
    }

    private void Tell(MicroBatchRecord record)
    {
        for (int i = 0; i < record.ModelParts.Length; i++)
        {
            Model!.Metrics[i].Add(record.ModelParts[i].Part, record.ModelParts[i].Count);
        }
        foreach (MetricTerm term in record.Terms)
        {
            Find(term.Name).Add(term.Sum, term.Normalizer);
        }
    }

    /// <summary>Those of the model, which closes its own, and behind them those of the objective, in the order in which it first named
    /// them.</summary>
    private List<Metric>? CloseMetrics()
    {
        TakeModelMetrics();
        for (int i = _modelMetrics; i < _metrics.Count; i++)
        {
            _metrics[i].Close();
        }
        return _metrics.Count > 0 ? _metrics : null;
    }

    private void TakeModelMetrics()
    {
        if (_modelMetrics < 0)
        {
            _metrics.AddRange(Model?.Metrics ?? []);
            _modelMetrics = _metrics.Count;
        }
    }

    private Metric Find(string name)
    {
        TakeModelMetrics();
        for (int i = 0; i < _metrics.Count; i++)
        {
            if (_metrics[i].Name == name)
            {
                return i >= _modelMetrics ? _metrics[i] : throw Taken(name);
            }
        }
        if (MetricsFile.Keys.Contains(name))
        {
            throw Taken(name);
        }
        _metrics.Add(new Metric(name));
        return _metrics[^1];
    }

    private static ArgumentException Taken(string name) =>
        new($"the objective calls a metric \"{name}\", which is the name of another number in the logs; give it another name");
}

/// <summary>What a step found.</summary>
/// <param name="Loss">Mean over the labels, nats, without what a family or the objective adds.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Labels">Number of labels.</param>
/// <param name="Tokens">Number of tokens, padding not counted.</param>
/// <param name="TextBytes">Bytes of text behind the labels; 0: unknown.</param>
public readonly record struct StepOutcome(double Loss, double GradientNorm, int Labels, int Tokens, long TextBytes = 0)
{
    /// <summary>What model and objective report of the step, valid until the next one; null: nothing.</summary>
    public IReadOnlyList<Metric>? Metrics { get; init; }

    /// <summary>The loss in bits per byte of that text, or NaN.</summary>
    public double BitsPerByte => LabelBytes.BitsPerByte(Loss * Labels, TextBytes);
}
