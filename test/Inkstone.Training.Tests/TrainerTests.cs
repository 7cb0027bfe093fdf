using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training.Tests;

public sealed class TrainerTests
{
    private const int Steps = 6;

    /// <summary>What the trainer does is nothing but steps of the step that goldens hold, at the rates of the schedule: the same
    /// bits.</summary>
    [Fact]
    public void ATrainer_TakesTheStepsThatAreTakenByHand()
    {
        using TinyRun byHand = new(),
            trained = new();
        TrainStep<Batch> step = new(
            byHand.Device,
            byHand.Model.Parameters,
            byHand.Objective,
            Rows(byHand),
            [new AdamW(byHand.Model.Parameters, new AdamWSettings(5e-3))],
            rows: 4,
            accumulation: 2,
            clip: 1
        )
        {
            Model = byHand.Model,
            Seed = 42,
        };
        LearningRate rate = new(Schedule.Cosine, Steps, WarmupSteps: 2, DecaySteps: Steps / 5, MinMultiple: 0.1);
        double[] losses = [.. Enumerable.Range(0, Steps).Select(i => step.Run(i, rate.At(i)).Loss)];
        Recorder log = new();
        TrainProgress end = new Trainer<Batch>(
            trained.Model,
            Rows(trained),
            trained.Objective,
            new TrainOptions(Steps: Steps, BatchSize: 4, Accumulation: 2),
            new OptimizerOptions(LearningRate: 5e-3),
            new ScheduleOptions(WarmupSteps: 2)
        )
        {
            Logs = [log],
        }.Run();
        end.Step.ShouldBe(Steps);
        end.Tokens.ShouldBe(Steps * 8 * TinyRun.Length);
        log.Losses.ShouldBe(losses);
        trained.Weights().ShouldBe(byHand.Weights());
    }

    /// <summary>A part that is added with weight 0 costs nothing, is shown, and is not in the loss that logs show.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    public void WhatAnObjectiveAdds_IsShownBesideTheLoss(double weight)
    {
        using TinyRun plain = new(),
            added = new();
        TrainStep<Batch> a = plain.Step(4, 2),
            b = Step(
                added,
                (batch, normalizer) =>
                    added.Objective(batch, normalizer).Plus("twice", Twice(added.Objective(batch, normalizer).Loss), weight)
            );
        StepOutcome one = a.Run(0, 1),
            other = b.Run(0, 1);
        other.Loss.ShouldBe(one.Loss, 1e-5);
        Metric metric = other.Metrics.ShouldHaveSingleItem();
        (metric.Name, metric.Tag).ShouldBe(("twice", "model/twice"));
        metric.Value.ShouldBe(2 * one.Loss, 1e-5);
        other.GradientNorm.ShouldBe(one.GradientNorm * (1 + 2 * weight), 1e-4 * one.GradientNorm);
    }

    /// <summary>A metric with a count of its own is the mean over the whole step, however the rows are cut into micro-batches.</summary>
    [Fact]
    public void AMetricWithACount_IsTheMeanOverTheStep()
    {
        double wide = MeanId(8, 1),
            deep = MeanId(2, 4);
        deep.ShouldBe(wide, 1e-9);
        wide.ShouldBeInRange(1, TinyRun.Vocabulary - 1);

        static double MeanId(int rows, int accumulation)
        {
            using TinyRun run = new();
            return Step(
                    run,
                    (batch, normalizer) => run.Objective(batch, normalizer).With("mean_id", Sum(batch.Inputs), batch.Inputs.Length),
                    rows,
                    accumulation
                )
                .Run(0, 1)
                .Metrics![0]
                .Value;
        }
    }

    [Fact]
    public void AMetricWithTheNameOfALog_IsRefused()
    {
        using TinyRun run = new();
        Should
            .Throw<ArgumentException>(() => Step(run, (batch, normalizer) => run.Objective(batch, normalizer).With("lr", 1, 1)).Run(0, 1))
            .Message.ShouldContain("\"lr\"");
    }

    /// <summary>Pairs of single tokens, a batch that is no Batch: p(b | a) falls as −log p is minimised by a program's own source and
    /// objective.</summary>
    [Fact]
    public void ABatchOfAnotherKind_IsTrainedOn()
    {
        using TinyRun run = new();
        Recorder log = new();
        Objective<Pairs> objective = (batch, normalizer) =>
        {
            Tensor hidden = run.Model.Hidden(
                run.Device.Rent(new Shape(batch.LabelCount, 1), batch.First),
                ForwardContext.Rows(run.Device, batch.LabelCount, 1)
            );
            return Ops.Scale(
                Ops.Sum(run.Model.TokenLogProbs(hidden, run.Device.Rent(new Shape(batch.LabelCount, 1), batch.Second))),
                -1 / normalizer
            );
        };
        new Trainer<Pairs>(
            run.Model,
            new PairSource(),
            objective,
            new TrainOptions(Epochs: 8, BatchSize: 5),
            new OptimizerOptions(LearningRate: 1e-2)
        )
        {
            Logs = [log],
            HeldOut = new PairSource(finite: true),
            TextBytes = _ => 1,
        }.Run();
        log.Losses.Count.ShouldBe(8 * 4); // 20 pairs are 4 batches of 5
        log.Losses[^1].ShouldBeLessThan(0.3 * log.Losses[0]);
        log.Valid.Count.ShouldBe(2); // before the first step and after the last
    }

    [Fact]
    public void OptionsThatMeanNothing_AreRefusedByName()
    {
        using TinyRun run = new();
        Refused(new TrainOptions(), "exactly one of Steps, Tokens, Minutes and Epochs");
        Refused(new TrainOptions(Steps: 1, Epochs: 1), "got 2");
        Refused(new TrainOptions(Steps: 0), "Steps must be at least 1, got 0");
        Refused(new TrainOptions(Steps: 1, BatchSize: 0), "BatchSize");
        Refused(new TrainOptions(Epochs: double.NaN), "Epochs must be above 0");
        Refused(new TrainOptions(Steps: 1), "no optimizer 'sgd'", new OptimizerOptions("sgd"));
        Refused(new TrainOptions(Steps: 1), "Beta1", new OptimizerOptions(Beta1: 1));
        Refused(new TrainOptions(Steps: 1), "no schedule 'step'", schedule: new ScheduleOptions("step"));

        void Refused(TrainOptions options, string words, OptimizerOptions? optimizer = null, ScheduleOptions? schedule = null) =>
            Should
                .Throw<ArgumentException>(() => new Trainer<Batch>(run.Model, Rows(run), run.Objective, options, optimizer, schedule))
                .Message.ShouldContain(words);
    }

    /// <summary>The defaults of records are those of recipes.</summary>
    [Fact]
    public void ARecipeThatSaysNothing_HasTheDefaultsOfTheRecords()
    {
        using TemporaryDirectory directory = new();
        Recipe recipe = Recipe.Load(
            directory.Write("r.yaml", "model: {preset: microlm-31m}\ntokenizer: t\ndata: {train: d}\ntrain: {steps: 3}\nout: o\n")
        );
        recipe.Optimizer.ShouldBe(new OptimizerOptions());
        recipe.Schedule.ShouldBe(new ScheduleOptions());
        (recipe.Train with { SamplePrompts = null }).ShouldBe(new TrainOptions(Steps: 3));
        recipe.Device.ShouldBe(new DeviceOptions());
    }

    [Fact]
    public void ALanguageModel_IsTrained_Saved_AndOpenedAgain()
    {
        using TemporaryDirectory directory = new();
        string text = directory.Write("a.txt", string.Concat(Enumerable.Repeat("one two three four five. ", 60)));
        Tokenizer tokenizer = BpeTrainer.Train([text], new BpeTrainerOptions(280, SpecialTokens: ["<|endoftext|>"]));
        using LanguageModel made = LanguageModel.New(tokenizer, ModelOptions.Llama(32, 1, heads: 2), device: new DeviceOptions(Threads: 1));
        made.TrainerOn([text], new TrainOptions(Steps: 3), length: 16).Run();
        made.Save(directory["model"]);
        Should.Throw<IOException>(() => made.Save(directory["model"]));
        using LanguageModel read = LanguageModel.Open(directory["model"], device: new DeviceOptions(Threads: 1));
        read.Model.Parameters.Select(p => p.Tensor.Span.ToArray()).ShouldBe(made.Model.Parameters.Select(p => p.Tensor.Span.ToArray()));
        read.Generate("one", new(Temperature: 0, MaxTokens: 5)).ShouldBe(made.Generate("one", new(Temperature: 0, MaxTokens: 5)));
        Should
            .Throw<ArgumentException>(() => made.TrainerOn([text], new TrainOptions(Steps: 3), length: 100_000))
            .Message.ShouldContain("too few");
        Should
            .Throw<ArgumentException>(() => LanguageModel.New(tokenizer, ModelOptions.Llama(32, 1), device: new DeviceOptions("fp8")))
            .Message.ShouldContain("fp8");
    }

    /// <summary>A shard in memory is read as the file with the same ids.</summary>
    [Fact]
    public void TokensInMemory_GiveTheBatchesOfTheirFile()
    {
        using TinyRun run = new(tokens: 500);
        int[] ids = new int[run.Shards[0].Count];
        run.Shards[0].Read(0, ids);
        using TokenShard memory = TokenShard.FromTokens(ids, TinyRun.Eos);
        PackedLoaderOptions options = new(16, DocumentAware: true, ShuffleSeed: 3);
        PackedLoader a = new(run.Shards, options),
            b = new([memory], options);
        Batch one = a.NewBatch(4),
            other = b.NewBatch(4);
        for (int i = 0; i < 10; i++)
        {
            (a.Next(one), b.Next(other)).ShouldBe((true, true));
            other.Inputs.ToArray().ShouldBe(one.Inputs.ToArray());
            other.Labels.ToArray().ShouldBe(one.Labels.ToArray());
            other.DocumentStarts.ToArray().ShouldBe(one.DocumentStarts.ToArray());
        }
    }

    private static PackedLoader Rows(TinyRun run) => new(run.Shards, new PackedLoaderOptions(TinyRun.Length, DocumentAware: true));

    private static TrainStep<Batch> Step(TinyRun run, Objective<Batch> objective, int rows = 4, int accumulation = 2) =>
        new(
            run.Device,
            run.Model.Parameters,
            objective,
            Rows(run),
            [new AdamW(run.Model.Parameters, new AdamWSettings(1e-2))],
            rows,
            accumulation,
            clip: 1
        );

    private static Tensor Twice(Tensor x) => Ops.Scale(x, 2);

    private static double Sum(Span<int> ids)
    {
        double sum = 0;
        foreach (int id in ids)
        {
            sum += id;
        }
        return sum;
    }

    private sealed class Recorder : ITrainLog
    {
        public List<double> Losses { get; } = [];

        public List<double> Valid { get; } = [];

        public void Step(in StepMetrics step) => Losses.Add(step.Loss);

        public void Validation(int step, double loss, double bitsPerByte, bool best) => Valid.Add(loss);
    }

    private sealed class Pairs(int rows) : ITrainingBatch
    {
        private readonly int[] _first = new int[rows],
            _second = new int[rows];

        public Span<int> First => _first.AsSpan(0, LabelCount);

        public Span<int> Second => _second.AsSpan(0, LabelCount);

        public int LabelCount { get; private set; }

        public int TokenCount => 2 * LabelCount;

        public void Fill(long from, long end)
        {
            LabelCount = (int)Math.Min(rows, end - from);
            for (int i = 0; i < LabelCount; i++)
            {
                (_first[i], _second[i]) = ((int)(from + i) + 1, (int)(from + i) * 7 % 20 + 1);
            }
        }
    }

    private sealed class PairSource(bool finite = false) : IBatchSource<Pairs>
    {
        public long RowCount => 20;

        public int RowLength => 2;

        public LoaderState State { get; set; }

        public bool PassEnded => State.Position == RowCount;

        public Pairs NewBatch(int rows) => new(rows);

        public bool Next(Pairs batch)
        {
            if (PassEnded && finite)
            {
                return false;
            }
            State = PassEnded ? new LoaderState(State.Epoch + 1, 0) : State;
            batch.Fill(State.Position, RowCount);
            State = State with { Position = State.Position + batch.LabelCount };
            return true;
        }
    }
}
