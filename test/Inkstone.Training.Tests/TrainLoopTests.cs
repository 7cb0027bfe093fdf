using Inkstone.Data;

namespace Inkstone.Training.Tests;

public sealed class TrainLoopTests
{
    [Fact]
    public void OneTimesEight_EqualsEightTimesOne()
    {
        using TinyRun wide = new(),
            deep = new();
        TrainStep<Batch> eightRows = wide.Step(rows: 8, accumulation: 1),
            eightBatches = deep.Step(rows: 1, accumulation: 8);
        for (int i = 0; i < 5; i++)
        {
            StepOutcome a = eightRows.Run(0, 1),
                b = eightBatches.Run(0, 1);
            b.Labels.ShouldBe(a.Labels);
            b.Loss.ShouldBe(a.Loss, 1e-6);
            b.GradientNorm.ShouldBe(a.GradientNorm, 1e-5 * a.GradientNorm);
        }
        float[] x = wide.Weights(),
            y = deep.Weights();
        x.Zip(y, (p, q) => Math.Abs(p - q)).Max().ShouldBeLessThan(2e-5f);
    }

    [Fact]
    public void ThreadCount_DoesNotChangeABit()
    {
        using TinyRun one = new(threads: 1),
            three = new(threads: 3);
        TrainStep<Batch> a = one.Step(4, 2),
            b = three.Step(4, 2);
        for (int i = 0; i < 5; i++)
        {
            b.Run(0, 1).ShouldBe(a.Run(0, 1));
        }
        three.Weights().ShouldBe(one.Weights());
    }

    [Fact]
    public void OneBatch_IsLearnedByHeart()
    {
        using TinyRun run = new(tokens: 4 * TinyRun.Length + 1);
        TrainStep<Batch> step = run.Step(rows: 4, accumulation: 1, rate: 2e-2);
        double loss = double.NaN;
        for (int i = 0; i < 200; i++)
        {
            loss = step.Run(0, 1).Loss;
        }
        loss.ShouldBeLessThan(0.1);
    }

    [Fact]
    public void ABatchWithoutLabels_ChangesNothing()
    {
        using TinyRun run = new();
        // Rows of one token: with a document border after each the only labels would cross it.
        using TemporaryDirectory directory = new();
        using (
            TokenShardWriter writer = new(
                directory["x.bin"],
                TokenShardFormat.Inkstone,
                new ShardVocabulary(TinyRun.Vocabulary, 1, TinyRun.Eos)
            )
        )
        {
            writer.Append(new int[65], 65); // nothing but document ends
            writer.Complete();
        }
        using TokenShard shard = TokenShard.Open(directory["x.bin"]);
        TrainStep<Batch> step = new(
            run.Device,
            run.Model.Parameters,
            run.Objective,
            new PackedLoader([shard], new PackedLoaderOptions(16, DocumentAware: true)),
            [new Nn.AdamW(run.Model.Parameters, new Nn.AdamWSettings(0.1))],
            2,
            2,
            1
        );
        float[] before = run.Weights();
        step.Run(0, 1).Labels.ShouldBe(0);
        run.Weights().ShouldBe(before);
    }

    [Fact]
    public void AStep_AllocatesNothingOnTheManagedHeap()
    {
        using TinyRun run = new();
        TrainStep<Batch> step = run.Step(4, 2);
        for (int i = 0; i < 5; i++)
        {
            step.Run(0, 1);
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            step.Run(0, 1);
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Validation_CountsBitsPerByteOverTheTextBehindTheTokens()
    {
        using TinyRun run = new();
        Batch batch = new(4, TinyRun.Length);
        LabelBytes text = new([0, .. Enumerable.Range(1, TinyRun.Vocabulary - 1).Select(id => id % 5)]); // ends of documents are no text
        Validation all = Validation.Measure(run.Device, run.Objective, Held(run), text.Count, batch, maxBatches: 0);
        (int labels, long bytes) = Predicted(run.Shards[0], id => id % 5);
        all.Labels.ShouldBe(labels);
        all.BitsPerByte.ShouldBe(all.Loss * labels / Math.Log(2) / bytes, 1e-12);
        Validation
            .Measure(run.Device, run.Objective, Held(run), text.Count, new Batch(7, TinyRun.Length), 0)
            .BitsPerByte.ShouldBe(all.BitsPerByte, 1e-6);
        Validation few = Validation.Measure(run.Device, run.Objective, Held(run), text.Count, batch, 2);
        few.Labels.ShouldBeLessThan(all.Labels);
        all.Loss.ShouldBe(Math.Log(TinyRun.Vocabulary), 0.3); // a new model guesses
    }

    [Fact]
    public void ALossThatIsNoNumber_StopsTheRunAndNamesTheRate()
    {
        DivergenceException fault = Should.Throw<DivergenceException>(() =>
            Loop(at => new StepOutcome(at == 3 ? double.NaN : 1, 1, 8, 8), steps: 9).Run(default, default)
        );
        fault.Message.ShouldContain("step 4");
        fault.Message.ShouldContain("learning rate 5e-2");
        fault.Message.ShouldContain("saved-2");
    }

    [Fact]
    public void ALossFarAboveGuessing_StopsTheRun() =>
        Should
            .Throw<DivergenceException>(() => Loop(at => new StepOutcome(at * 10, 1, 8, 8), steps: 9).Run(default, default))
            .Message.ShouldContain("risen to 60");

    [Fact]
    public void Interrupting_SavesTheStepThatIsDone()
    {
        using CancellationTokenSource cancel = new();
        List<int> saved = [];
        TrainLoop loop = Loop(
            at =>
            {
                if (at == 4)
                {
                    cancel.Cancel();
                }
                return new StepOutcome(1, 1, 8, 8);
            },
            steps: 100,
            saveEvery: 50,
            saved: saved
        );
        loop.Run(default, cancel.Token).Step.ShouldBe(5);
        saved.ShouldBe([5]);
    }

    /// <summary>Measuring may take minutes: a run that is stopped then saves at once, and measures when it goes on.</summary>
    [Fact]
    public void InterruptingAMeasurement_SavesAndLeavesItToTheResumedRun()
    {
        using CancellationTokenSource cancel = new();
        List<int> saved = [],
            measured = [];
        TrainLoop Run(CancellationToken token) =>
            new(
                new LoopSettings(8, null, EvalEvery: 4, 0, SaveEvery: 0, 5e-2, 50),
                new LoopParts(
                    (_, _) => new StepOutcome(1, 1, 8, 8),
                    (_, _) => 1,
                    () =>
                    {
                        if (measured.Count == 1)
                        {
                            cancel.Cancel(); // within the second one, that of step 4
                        }
                        measured.Add(measured.Count);
                        token.ThrowIfCancellationRequested();
                        return new Validation(1, 1, 1);
                    },
                    _ => { },
                    p =>
                    {
                        saved.Add(p.Step);
                        return "";
                    },
                    () => null
                ),
                new RunFacts(1, 1, 8, null),
                []
            );
        TrainProgress stopped = Run(cancel.Token).Run(default, cancel.Token);
        (stopped.Step, stopped.Unmeasured, stopped.BestStep).ShouldBe((4, true, null));
        saved.ShouldBe([4]);

        TrainProgress end = Run(default).Run(stopped, default);
        (end.Step, end.Unmeasured, end.BestStep).ShouldBe((8, false, 4));
        measured.Count.ShouldBe(4); // at 0, at 4 in vain, at 4, at 8
        saved.ShouldBe([4, 4, 8]);
    }

    [Fact]
    public void ABudgetInMinutes_BecomesANumberOfSteps()
    {
        TrainLoop loop = Loop(
            _ =>
            {
                Thread.Sleep(10);
                return new StepOutcome(1, 1, 8, 8);
            },
            steps: null,
            minutes: 1.0 / 60
        );
        TrainProgress end = loop.Run(default, default);
        end.Step.ShouldBe(end.TotalSteps);
        end.Step.ShouldBeInRange(30, 110);
    }

    /// <summary>Tokens of whole rows that follow another token of their document, and what they stand for.</summary>
    private static (int Labels, long Bytes) Predicted(TokenShard shard, Func<int, int> bytesOf)
    {
        int[] ids = new int[shard.Count];
        shard.Read(0, ids);
        int last = (ids.Length - 1) / TinyRun.Length * TinyRun.Length;
        int[] predicted = [.. Enumerable.Range(1, last).Where(i => ids[i - 1] != TinyRun.Eos).Select(i => ids[i])];
        return (predicted.Length, predicted.Sum(id => (long)bytesOf(id)));
    }

    private static PackedLoader Held(TinyRun run) =>
        new(run.Shards, new PackedLoaderOptions(TinyRun.Length, DocumentAware: true, Finite: true));

    private static TrainLoop Loop(
        Func<int, StepOutcome> step,
        int? steps,
        double? minutes = null,
        int saveEvery = 2,
        List<int>? saved = null
    )
    {
        List<int> done = saved ?? [];
        return new TrainLoop(
            new LoopSettings(steps, minutes, 0, 0, saveEvery, 5e-2, 50),
            new LoopParts(
                (at, _) => step(at),
                (_, _) => 1,
                null,
                _ => { },
                p =>
                {
                    done.Add(p.Step);
                    return $"saved-{p.Step}";
                },
                () => done.Count == 0 ? null : $"saved-{done[^1]}"
            ),
            new RunFacts(1, 1, 8, null),
            []
        );
    }
}
