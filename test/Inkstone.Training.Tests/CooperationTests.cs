using Inkstone.Distributed;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training.Tests;

/// <summary>The parts of a step of several processes that need no process: order of sums, the wire's type, buckets and their
/// owners.</summary>
public sealed class CooperationTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(7)]
    [InlineData(1)]
    public void TheTree_IsTheSameWhoeverSumsItsBranches(int leaves)
    {
        Random random = new(leaves);
        float[] numbers = [.. Enumerable.Range(0, leaves).Select(_ => (float)(random.NextDouble() * Math.Pow(10, random.Next(-4, 5))))];
        float whole = Tree(numbers);
        for (int ranks = 1; ranks <= leaves; ranks *= 2)
        {
            if (leaves % ranks == 0)
            {
                float[] parts = [.. numbers.Chunk(leaves / ranks).Select(Streamed)];
                OrderedSum.Of(parts, ranks);
                parts[0].ShouldBe(whole, $"{leaves} leaves on {ranks} ranks");
            }
        }

        static float Tree(float[] numbers) =>
            numbers.Length == 1 ? numbers[0]
            : numbers.Length % 2 == 0 ? Tree(numbers[..(numbers.Length / 2)]) + Tree(numbers[(numbers.Length / 2)..])
            : numbers.Aggregate((a, b) => a + b);

        // As gradients come: one after the other, with the sums that are due behind each.
        static float Streamed(float[] numbers)
        {
            Stack<float> kept = [];
            int[] merges = OrderedSum.Merges(numbers.Length);
            for (int i = 0; i < numbers.Length; i++)
            {
                float sum = numbers[i];
                for (int m = 0; m < merges[i]; m++)
                {
                    sum = kept.Pop() + sum;
                }
                kept.Push(sum);
            }
            kept.Count.ShouldBe(1);
            return kept.Pop();
        }
    }

    [Fact]
    public void TheWire_RoundsToTheNearestEven()
    {
        Random random = new(1);
        float[] values =
        [
            0,
            -0f,
            1,
            1.00390625f,
            1.01171875f,
            float.MaxValue,
            float.PositiveInfinity,
            float.NaN,
            float.Epsilon,
            .. Enumerable.Range(0, 200).Select(_ => (float)(random.NextDouble() - 0.5) * MathF.Pow(2, random.Next(-120, 120))),
        ];
        ushort[] narrow = new ushort[values.Length];
        float[] wide = new float[values.Length];
        BFloat16Wire.Narrow(values, narrow);
        BFloat16Wire.Widen(narrow, wide);
        for (int i = 0; i < values.Length; i++)
        {
            float expected = (float)BFloat16Of(values[i]);
            BitConverter
                .SingleToInt32Bits(wide[i])
                .ShouldBe(
                    float.IsNaN(expected) ? BitConverter.SingleToInt32Bits(wide[i]) : BitConverter.SingleToInt32Bits(expected),
                    $"{values[i]:R}"
                );
            float.IsNaN(wide[i]).ShouldBe(float.IsNaN(values[i]));
        }

        // By the definition: the nearer of two neighbours with 16 bits, in double precision; of two as near the one with an even last bit.
        static double BFloat16Of(float x)
        {
            if (!float.IsFinite(x) || x == 0)
            {
                return x;
            }
            float down = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x) & unchecked((int)0xffff0000)),
                up = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(down) + 0x10000);
            double middle = float.IsFinite(up) ? ((double)down + up) / 2 : Math.CopySign(255.5 * Math.Pow(2, 120), x);
            bool even = (BitConverter.SingleToInt32Bits(down) >> 16 & 1) == 0;
            return Math.Abs(x) < Math.Abs(middle) || (x == middle && even) ? down : up;
        }
    }

    [Theory]
    [InlineData(1, 1 << 20)]
    [InlineData(2, 1 << 14)]
    [InlineData(3, 40_000)]
    [InlineData(64, 1 << 16)]
    public void Buckets_CoverTheArenaOnce_AndSoDoTheirParts(int ranks, long elements)
    {
        using Device device = new(1);
        Shape[] shapes = [new(500, 100), new(7), new(300, 200), new(3), new(40_000), new(64, 64)];
        string[] names =
        [
            "model.embed_tokens.weight",
            "model.layers.0.norm.weight",
            "model.layers.0.up.weight",
            "model.layers.1.norm.weight",
            "model.layers.1.up.weight",
            "lm_head.weight",
        ];
        Tensor[] tensors = [.. shapes.Select(s => Tensor.Allocate(device, s, requiresGrad: true))];
        using ParameterArena arena = ParameterArena.Place(tensors, _ => 0)!;
        GradientBucket[] buckets = GradientBuckets.Cut(arena, names, headIsApart: true, elements, ranks);
        buckets.Select(b => b.Layer).ShouldBe(buckets.Select(b => b.Layer).OrderDescending(), "in the order of the backward pass");
        buckets[0].Layer.ShouldBe(GradientBuckets.Behind);
        buckets[^1].Layer.ShouldBe(GradientBuckets.Shared);
        FlatRange[] inOrder = [.. buckets.Select(b => b.Range).OrderBy(r => r.Start)];
        inOrder[0].Start.ShouldBe(0);
        inOrder[^1].End.ShouldBe(arena.Length);
        inOrder.Zip(inOrder.Skip(1)).ShouldAllBe(pair => pair.First.End == pair.Second.Start);
        foreach (GradientBucket bucket in buckets)
        {
            bucket.Borders[0].ShouldBe(0);
            bucket.Borders[^1].ShouldBe((int)bucket.Range.Length);
            bucket.Borders.Zip(bucket.Borders.Skip(1)).ShouldAllBe(pair => pair.First <= pair.Second);
            for (int r = 0; r < ranks; r++)
            {
                long start = bucket.Part(r).Start;
                int p = Enumerable.Range(0, names.Length).First(i => start < arena.RangeOf(i).End || i == names.Length - 1);
                (start == bucket.Range.End || (start - arena.RangeOf(p).Start) % TensorList.PieceLength == 0).ShouldBeTrue(
                    "a part begins with a piece"
                );
            }
        }
        long[] owned = [.. Enumerable.Range(0, ranks).Select(r => buckets.Sum(b => b.Part(r).Length))];
        owned.Sum().ShouldBe(arena.Length);
        Array.ForEach(tensors, t => t.Dispose());
    }

    [Fact]
    public void AGradientThatComesTooLate_IsRefused()
    {
        using Device device = new(1);
        using Tensor w = Tensor.From(device, new Shape(4), [1f, 2, 3, 4], requiresGrad: true);
        using ParameterArena arena = ParameterArena.Place([w], _ => 0)!;
        arena.CompleteGradient(0).ShouldBeFalse();
        arena.Seal(0, true);
        Should
            .Throw<InvalidOperationException>(() =>
            {
                using (device.Step(record: true))
                {
                    device.Tape.Backward(Ops.Sum(Ops.Scale(w, 2)));
                }
            })
            .Message.ShouldContain("read elsewhere too");
    }

    [Fact]
    public void WhatCannotBeDealtOut_IsSaid()
    {
        Cooperation three = new(new Said(1, 3), new DistributedOptions(FixedOrder: true));
        Should.Throw<InvalidDataException>(() => three.Check(4, "adamw")).Message.ShouldContain("dealt out evenly");
        Should.Throw<InvalidDataException>(() => three.Check(6, "adamw")).Message.ShouldContain("1, 2, 4, 8");
        three.Check(3, "adamw");
        three.Own(6).ShouldBe((2, 4));
        Should
            .Throw<InvalidDataException>(() => new Cooperation(new Said(0, 2), new DistributedOptions(Zero: 1)).Check(2, "muon"))
            .Message.ShouldContain("whole matrices");
        new RunOptions(false, false, null, _ => { }) { Ranks = new Said(0, 4) }
            .Deal(new TrainOptions(Steps: 1, BatchSize: 8, Accumulation: 2))
            .ShouldSatisfyAllConditions(t => t.BatchSize.ShouldBe(4), t => t.Accumulation.ShouldBe(4));
    }

    [Fact]
    public void ALauncher_IsToldByItsVariables()
    {
        Launch
            .Of(name =>
                name switch
                {
                    "OMPI_COMM_WORLD_RANK" => "1",
                    "OMPI_COMM_WORLD_SIZE" => "4",
                    _ => null,
                }
            )
            .ShouldBe(new Launch("Open MPI's mpirun", 1, 4));
        Launch
            .Of(name =>
                name switch
                {
                    "PMI_RANK" => "0",
                    "PMI_SIZE" => "2",
                    _ => null,
                }
            )!
            .IsOpenMpi.ShouldBeFalse();
        Launch.Of(_ => null).ShouldBeNull();
        Launch.Of(name => name == "PMI_RANK" ? "x" : "2").ShouldBeNull();
    }

    /// <summary>With what one process does, a wire without end gives N times as much, and a slow one is what limits.</summary>
    [Fact]
    public void APlan_IsBoundByWhatIsSlow()
    {
        StepCost cost = new(1, 0.02, 31_000_000, 0.1, 1 << 30);
        TrainOptions train = new(Steps: 1, BatchSize: 8, Accumulation: 8);
        PlannedStep one = ClusterPlan.Of(cost, train, 512, new DistributedOptions(), NetworkLink.Of("1gbit", 50), 1)!,
            fast = ClusterPlan.Of(cost, train, 512, new DistributedOptions(), NetworkLink.Of("1000gbit", 1), 8)!;
        one.Seconds.ShouldBe(8.02, 1e-9);
        one.Efficiency.ShouldBe(1, 1e-9);
        fast.Efficiency.ShouldBeGreaterThan(0.97);
        PlannedStep slow = ClusterPlan.Of(cost, train, 512, new DistributedOptions(), NetworkLink.Of("100mbit", 50), 8)!;
        slow.Limit.ShouldBe("wire");
        slow.SentBytes.ShouldBe(2 * 4 * 31e6 * 7 / 8, 1);
        ClusterPlan
            .Of(cost, train, 512, new DistributedOptions(Bf16Wire: true), NetworkLink.Of("100mbit", 50), 8)!
            .Seconds.ShouldBeLessThan(slow.Seconds);
        ClusterPlan
            .Of(cost, train, 512, new DistributedOptions(Zero: 1), NetworkLink.Of("100mbit", 50), 8)!
            .MemoryBytes.ShouldBe(slow.MemoryBytes - 7 * 31_000_000L);
        ClusterPlan.Of(cost, train, 512, new DistributedOptions(), NetworkLink.Of("1gbit", 50), 128).ShouldBeNull();
        Should.Throw<ArgumentException>(() => NetworkLink.Of("fast", 1)).Message.ShouldContain("25gbit");
    }

    private sealed class Said(int rank, int size) : ICommunicator
    {
        public int Rank => rank;

        public int Size => size;

        public int LocalSize => size;

        public bool Patient { get; set; }

        public void AllReduce(Span<float> values) => throw new NotSupportedException();

        public void AllReduce(Span<double> values) => throw new NotSupportedException();

        public void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendBytes, Span<byte> receive, ReadOnlySpan<int> receiveBytes) =>
            throw new NotSupportedException();

        public void AllGather(Span<byte> buffer, ReadOnlySpan<int> bytes) => throw new NotSupportedException();

        public void Broadcast(Span<byte> buffer, int root) => throw new NotSupportedException();

        public void Barrier() => throw new NotSupportedException();

        public ICommunicator Duplicate() => this;

        public void Abort(int code) => throw new NotSupportedException();

        public void Dispose() { }
    }
}
