namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class TapeTests(Devices devices)
{
    private Device Device => devices.Default;

    [Fact]
    public void GradientsAccumulateUntilTheyAreForgotten()
    {
        using Tensor w = Tensor.From(Device, new Shape(2), [3f, 4f], requiresGrad: true);
        w.Grad.ShouldBeNull();
        Backward(() => Ops.Sum(Ops.Multiply(w, w)));
        w.Grad!.Span.ToArray().ShouldBe([6f, 8f]);
        Backward(() => Ops.Sum(Ops.Multiply(w, w)), seed: 0.5f);
        w.Grad!.Span.ToArray().ShouldBe([9f, 12f]);
        w.ZeroGrad();
        w.Grad.ShouldBeNull();
        Backward(() => Ops.Sum(w));
        w.Grad!.Span.ToArray().ShouldBe([1f, 1f]);
    }

    [Fact]
    public void AStepInsideAStepIsRefused()
    {
        using (Device.Step())
        {
            Should
                .Throw<InvalidOperationException>(() =>
                {
                    using StepScope inner = Device.Step(record: true);
                })
                .Message.ShouldContain("a step is open");
            Device.Tape.Recording.ShouldBeFalse("the outer step goes on as it was");
        }
        using (Device.Step(record: true))
        {
            Device.Tape.Recording.ShouldBeTrue();
        }
    }

    [Fact]
    public void OnlyWhatDependsOnParameters_IsRecorded()
    {
        using Tensor w = Tensor.From(Device, new Shape(2), [3f, 4f], requiresGrad: true),
            frozen = Tensor.From(Device, new Shape(2), [1f, 1f]);
        using (Device.Step(record: true))
        {
            Tensor x = Ops.Exp(frozen);
            x.RequiresGrad.ShouldBeFalse();
            Device.Tape.Count.ShouldBe(0);
            Ops.Add(x, w).RequiresGrad.ShouldBeTrue();
            Device.Tape.Count.ShouldBe(1);
        }
        Device.Tape.Count.ShouldBe(0);
        using (Device.Step())
        {
            Ops.Exp(w).RequiresGrad.ShouldBeFalse();
            Device.Tape.Count.ShouldBe(0);
        }
    }

    [Fact]
    public void ResultsThatNothingUses_GetNoGradient()
    {
        using Tensor w = Tensor.From(Device, new Shape(2), [3f, 4f], requiresGrad: true),
            unused = Tensor.From(Device, new Shape(2), [3f, 4f], requiresGrad: true);
        Backward(() =>
        {
            Ops.Exp(unused);
            return Ops.Sum(w);
        });
        unused.Grad.ShouldBeNull();
    }

    [Fact]
    public void AResidual_TakesOverTheGradientWithoutMoreMemory()
    {
        const int Size = 1 << 16;
        using Device device = new(1);
        using Tensor w = Tensor.Allocate(device, new Shape(Size), requiresGrad: true),
            c = Tensor.Allocate(device, new Shape(Size));
        c.Span.Fill(2);
        long peak = 0;
        for (int depth = 1; depth <= 3; depth++)
        {
            w.ZeroGrad();
            using (device.Step(record: true))
            {
                Tensor h = Ops.Scale(w, 1);
                for (int i = 0; i < depth; i++)
                {
                    h = Ops.Add(h, c); // c wants no gradient: the one that arrives is passed on as it is
                }
                Tensor loss = Ops.Sum(h);
                long forward = device.Arena.BytesInUse;
                device.Tape.Backward(loss);
                peak = device.Arena.PeakBytes - forward;
            }
            w.Grad!.Span.ToArray().ShouldAllBe(g => g == 1);
        }
        peak.ShouldBeLessThanOrEqualTo(Size * sizeof(float) + 4096); // one gradient, however deep
    }

    [Fact]
    public void AResidual_ThatBranches_AddsItsParts()
    {
        using Tensor w = Tensor.From(Device, new Shape(1), [0.7f], requiresGrad: true);
        Backward(() =>
        {
            Tensor x = Ops.Scale(w, 1);
            Tensor a = Ops.Add(x, Ops.Silu(x)); // x + f(x)
            Tensor b = Ops.Add(a, Ops.Multiply(a, a)); // a + a²
            return Ops.Sum(Ops.Add(b, x));
        });
        double s = 1 / (1 + Math.Exp(-0.7)),
            a = 0.7 + 0.7 * s,
            da = 1 + s * (1 + 0.7 * (1 - s));
        w.Grad!.Item().ShouldBe((float)((1 + 2 * a) * da + 1), 1e-5f);
    }

    [Fact]
    public void AfterTheFirstSteps_NothingIsAllocatedOnTheManagedHeap()
    {
        using Device device = new(2);
        using TrainingStep step = new(device);
        float first = 0,
            last = 0;
        for (int i = 0; i < 5; i++)
        {
            last = step.Run();
            first = i == 0 ? last : first;
        }
        last.ShouldBeLessThan(first); // the step does train
        long mine = long.MaxValue,
            all = long.MaxValue;
        for (int i = 0; i < 40; i++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true),
                beforeMine = GC.GetAllocatedBytesForCurrentThread();
            step.Run();
            mine = Math.Min(mine, GC.GetAllocatedBytesForCurrentThread() - beforeMine);
            all = Math.Min(all, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        // The runtime and the test host allocate now and then (a wait on a busy machine, a tier-up), but not during every step.
        mine.ShouldBe(0);
        all.ShouldBe(0);
    }

    [Fact]
    public void TheNumberOfThreads_ChangesNoBitOfTraining()
    {
        float[]? expected = null;
        foreach (Device device in devices.ThreadCounts)
        {
            using TrainingStep step = new(device);
            float[] losses = [.. Enumerable.Range(0, 4).Select(_ => step.Run())];
            expected ??= losses;
            Near.SameBits(losses, expected, $"losses with {device.Workers.Count} threads");
        }
    }

    [Fact]
    public void TrainingInBFloat16_FollowsFloat32()
    {
        using Device device = new(2, matMulType: DType.BFloat16);
        using TrainingStep rounded = new(device),
            exact = new(devices.Default);
        for (int i = 0; i < 10; i++)
        {
            float expected = exact.Run();
            rounded.Run().ShouldBe(expected, 0.02f * expected, $"step {i}"); // bfloat16 has 8 bits, one part in 256, and errors add up
        }
    }

    private void Backward(Func<Tensor> loss, float seed = 1)
    {
        using (Device.Step(record: true))
        {
            Device.Tape.Backward(loss(), seed);
        }
    }
}
