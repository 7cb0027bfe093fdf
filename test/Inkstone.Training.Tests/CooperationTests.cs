using Inkstone.Distributed;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training.Tests;

/// <summary>The parts of a step of several processes that need no process: buckets and their owners.</summary>
public sealed class CooperationTests
{
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
        Should.Throw<InvalidDataException>(() => three.Check(4)).Message.ShouldContain("dealt out evenly");
        Should.Throw<InvalidDataException>(() => three.Check(6)).Message.ShouldContain("1, 2, 4, 8");
        three.Check(3);
        three.Own(6).ShouldBe((2, 4));
        Cooperation sharded = new(new Said(1, 2), new DistributedOptions(Zero: 3, FixedOrder: true));
        Should.Throw<InvalidDataException>(() => sharded.Check(6)).Message.ShouldContain("micro-batches of each process");
        sharded.Check(8);
        Enumerable.Range(0, 4).Select(leaf => sharded.Number(leaf, 8)).ShouldBe([1, 3, 5, 7]);
        new RunOptions(false, false, null, _ => { }) { Ranks = new Said(0, 4) }
            .Deal(new TrainOptions(Steps: 1, BatchSize: 8, Accumulation: 2))
            .ShouldSatisfyAllConditions(t => t.BatchSize.ShouldBe(4), t => t.Accumulation.ShouldBe(4));
    }

    /// <summary>With what one process does, a wire without end gives N times as much, and a slow one is what limits.</summary>
    [Fact]
    public void APlan_IsBoundByWhatIsSlow()
    {
        StepCost cost = new(1, 0.02, 31_000_000, 0.1, 1 << 30);
        TrainOptions train = new(Steps: 1, BatchSize: 8, Accumulation: 8);
        PlannedStep one = ClusterPlan.Estimate(cost, train, 512, new DistributedOptions(), NetworkLink.Parse("1gbit", 50), 1)!,
            fast = ClusterPlan.Estimate(cost, train, 512, new DistributedOptions(), NetworkLink.Parse("1000gbit", 1), 8)!;
        one.Seconds.ShouldBe(8.02, 1e-9);
        one.Efficiency.ShouldBe(1, 1e-9);
        fast.Efficiency.ShouldBeGreaterThan(0.97);
        PlannedStep slow = ClusterPlan.Estimate(cost, train, 512, new DistributedOptions(), NetworkLink.Parse("100mbit", 50), 8)!;
        slow.Limit.ShouldBe("wire");
        slow.SentBytes.ShouldBe(2 * 4 * 31e6 * 7 / 8, 1);
        ClusterPlan
            .Estimate(cost, train, 512, new DistributedOptions(Bf16Wire: true), NetworkLink.Parse("100mbit", 50), 8)!
            .Seconds.ShouldBeLessThan(slow.Seconds);
        ClusterPlan
            .Estimate(cost, train, 512, new DistributedOptions(Zero: 1), NetworkLink.Parse("100mbit", 50), 8)!
            .MemoryBytes.ShouldBe(slow.MemoryBytes - 7 * 31_000_000L + (4 << 20)); // a bucket is exchanged by us
        // Two processes on a host give no more than one that had all its cores, and twice as much as one that had half of them.
        PlannedStep crowded = On(cost),
            apart = On(cost with { CoreShare = 0.5 });
        crowded.TokensPerSecond.ShouldBe(one.TokensPerSecond, 0.02 * one.TokensPerSecond);
        apart.TokensPerSecond.ShouldBe(2 * one.TokensPerSecond, 0.04 * one.TokensPerSecond);
        PlannedStep On(StepCost c) => ClusterPlan.Estimate(c, train, 512, new DistributedOptions(), NetworkLink.Parse("1gbit", 50), 1, 2)!;
        ClusterPlan.Estimate(cost, train, 512, new DistributedOptions(), NetworkLink.Parse("1gbit", 50), 128).ShouldBeNull();
        Should.Throw<ArgumentException>(() => NetworkLink.Parse("fast", 1)).Message.ShouldContain("25gbit");
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
