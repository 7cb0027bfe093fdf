namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class ArenaTests(Devices devices)
{
    private Device Device => devices.Default;

    [Fact]
    public void WhatAStepMade_IsGoneAfterIt()
    {
        Tensor x;
        using (Device.Step())
        {
            x = Device.Rent(new Shape(3));
            x.Span.Fill(1);
        }
        Should.Throw<ObjectDisposedException>(() => x.Span.Length).Message.ShouldContain("its step has ended");
        Device.Arena.BytesInUse.ShouldBe(0);
    }

    [Fact]
    public void ReleasedTensors_CannotBeUsed()
    {
        using (Device.Step())
        {
            Tensor x = Device.Rent(new Shape(3));
            x.Dispose();
            Should.Throw<ObjectDisposedException>(() => Ops.Exp(x));
        }
        Tensor parameter = Tensor.Allocate(Device, new Shape(4));
        parameter.Dispose();
        Should.Throw<ObjectDisposedException>(() => parameter.Span.Length);
        parameter.Dispose();
    }

    [Fact]
    public void ActivationsThatTheBackwardPassHasUsed_AreReleased()
    {
        using Tensor w = Tensor.From(Device, new Shape(2), [1f, 2f], requiresGrad: true);
        using (Device.Step(record: true))
        {
            Tensor hidden = Ops.Silu(w),
                loss = Ops.Sum(hidden);
            Device.Tape.Backward(loss);
            Should.Throw<ObjectDisposedException>(() => hidden.Span.Length);
            loss.Item().ShouldBe(2.4926528f, 1e-5f);
        }
    }

    [Fact]
    public void MemoryIsUsedAgain_AlsoForSlightlyOtherSizes()
    {
        using Device device = new(1);
        for (int step = 0; step < 5; step++)
        {
            using (device.Step())
            {
                device.Rent(new Shape(1000 + step, 16));
                device.Rent(new Shape(7));
            }
        }
        long held = device.Arena.Bytes;
        held.ShouldBeLessThan(2 * 1004 * 16 * 4);
        using (device.Step())
        {
            device.Rent(new Shape(1000, 16));
            device.Arena.BytesInUse.ShouldBeGreaterThanOrEqualTo(1000 * 16 * 4);
        }
        device.Arena.Bytes.ShouldBe(held);
        device.Arena.PeakBytes.ShouldBeLessThanOrEqualTo(held);
    }

    /// <summary>What a server's batches, of ever other lengths, leave behind stays near what the largest one needs.</summary>
    [Fact]
    public void Batches_of_all_lengths_share_memory()
    {
        using Device device = new(1);
        Random random = new(1);
        long held = 0;
        for (int step = 0; step < 4000; step++)
        {
            int rows = random.Next(10) == 0 ? random.Next(1, 513) : random.Next(1, 17);
            using (device.Step())
            {
                Tensor x = device.Rent(new Shape(rows, 256));
                for (int layer = 0; layer < 3; layer++)
                {
                    Tensor wide = device.Rent(new Shape(rows, 700)),
                        y = device.Rent(new Shape(rows, 256));
                    wide.Release();
                    x.Release();
                    x = y;
                }
            }
            if (step == 400)
            {
                held = device.Arena.Bytes;
            }
        }
        device.Arena.Bytes.ShouldBeLessThan(2 * device.Arena.PeakBytes);
        device.Arena.Bytes.ShouldBeLessThan(held * 103 / 100);
    }

    [Fact]
    public void ShapesThatChange_DoNotLeaveTheirBlocksBehind()
    {
        const int Width = 16384; // 64 KiB a row
        using Device device = new(1);
        for (int step = 0; step < 40; step++)
        {
            Rent(2000 + 50 * step);
            device.Arena.Bytes.ShouldBeLessThanOrEqualTo((long)(1.25 * device.Arena.PeakBytes));
        }
        long held = device.Arena.Bytes;
        for (int step = 0; step < 20; step++)
        {
            Rent(2000 + 50 * (step * 7 % 20));
        }
        device.Arena.Bytes.ShouldBe(held, "smaller shapes take the blocks of larger ones");

        void Rent(int rows)
        {
            using (device.Step())
            {
                device.Rent(new Shape(rows, Width));
                device.Rent(new Shape(rows, Width / 8));
            }
        }
    }

    [Fact]
    public void AResultWhoseElementsAreReleased_StillTakesAGradient()
    {
        using Tensor x = Tensor.From(Device, new Shape(3, 1), [1f, 2, 3]),
            w = Tensor.From(Device, new Shape(1, 1), [2f], requiresGrad: true),
            v = Tensor.From(Device, new Shape(1, 1), [5f], requiresGrad: true);
        using (Device.Step(record: true))
        {
            Tensor below = Ops.Linear(x, w),
                y = Ops.Linear(x, v, residual: below);
            long used = Device.Arena.BytesInUse;
            below.ReleaseElements();
            below.ReleaseElements();
            Device.Arena.BytesInUse.ShouldBeLessThan(used);
            Should.Throw<ObjectDisposedException>(() => below.Span.Length);
            y.Span.ToArray().ShouldBe([7f, 14, 21]);
            Device.Tape.Backward(Ops.Sum(Ops.Multiply(y, y)));
        }
        w.Grad!.Item().ShouldBe(2 * (7 + 28 + 63));
        v.Grad!.Item().ShouldBe(2 * (7 + 28 + 63));
        Device.Arena.BytesInUse.ShouldBe(0);
    }

    [Fact]
    public void Views_ShareMemoryAndGradient()
    {
        using Tensor w = Tensor.From(Device, new Shape(2, 3), [1f, 2, 3, 4, 5, 6], requiresGrad: true);
        using (Device.Step(record: true))
        {
            Tensor row = w.View(new Shape(6)),
                square = Ops.Multiply(row.View(new Shape(3, 2)), row.View(new Shape(3, 2)));
            Device.Tape.Backward(Ops.Sum(square));
            row.Span[0] = 10;
        }
        w.Span[0].ShouldBe(10);
        w.Grad!.Span.ToArray().ShouldBe([2f, 4, 6, 8, 10, 12]);
        w.Grad!.Shape.ShouldBe(w.Shape);
        Should.Throw<ArgumentException>(() => w.View(new Shape(5))).Message.ShouldContain("[2, 3]");
    }

    [Fact]
    public void ViewsOfResults_TakeGradientsInTheShapeOfTheirSource()
    {
        using Tensor w = Tensor.From(Device, new Shape(2, 2), [1f, 2, 3, 4], requiresGrad: true);
        using Tensor c = Tensor.From(Device, new Shape(4), [1f, 10, 100, 1000]);
        using (Device.Step(record: true))
        {
            Tensor x = Ops.Scale(w, 2);
            Tensor flat = Ops.Multiply(Ops.Add(x.View(new Shape(4)), x.View(new Shape(4))), c);
            Device.Tape.Backward(Ops.Add(Ops.Sum(flat), Ops.Sum(Ops.SumLast(x))));
        }
        w.Grad!.Span.ToArray().ShouldBe([6f, 42, 402, 4002]);
    }

    [Fact]
    public void AGradientThatCameThroughAView_HasItsOwnersShape()
    {
        using Tensor x = Tensor.From(Device, new Shape(2, 2), [1f, 2, 3, 4]),
            w = Tensor.From(Device, new Shape(3, 2), new float[6], requiresGrad: true);
        using Tensor c = Tensor.From(Device, new Shape(6), [1f, 2, 3, 4, 5, 6]);
        using (Device.Step(record: true))
        {
            Tensor flat = Ops.Linear(x, w).View(new Shape(6)); // a product reads its gradient by rows of 3
            Device.Tape.Backward(Ops.Sum(Ops.Multiply(flat, c)));
        }
        w.Grad!.Span.ToArray().ShouldBe([13f, 18, 17, 24, 21, 30]);
    }
}
