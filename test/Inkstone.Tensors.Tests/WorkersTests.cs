namespace Inkstone.Tensors.Tests;

public sealed class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public unsafe void EveryIndexIsDoneOnce(int threads)
    {
        using Workers workers = new(threads);
        int* visits = stackalloc int[1001];
        foreach (int count in new[] { 0, 1, 2, 7, 100, 1001 })
        {
            foreach (int grain in new[] { 0, 1, 3, 64, 5000 })
            {
                new Span<int>(visits, count).Clear();
                CountKernel kernel = new(visits, threads);
                workers.For(ref kernel, count, grain);
                new Span<int>(visits, count).ToArray().ShouldAllBe(visit => visit == 1, $"count {count}, grain {grain}");
            }
        }
    }

    [Fact]
    public unsafe void ManySmallJobs_NeverLoseAWakeUp()
    {
        using Workers workers = new(3);
        long* sum = stackalloc long[1];
        for (int job = 0; job < 20_000; job++)
        {
            *sum = 0;
            SumKernel kernel = new(sum);
            workers.For(ref kernel, 9, 1);
            (*sum).ShouldBe(36);
            if (job % 4000 == 0)
            {
                Thread.Sleep(20); // long enough for the threads to park
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public unsafe void AKernelThatFails_FailsTheCall_AndTheNextOneRuns(int threads)
    {
        using Workers workers = new(threads);
        int* runs = stackalloc int[1];
        nint address = (nint)runs;
        for (int round = 0; round < 50; round++)
        {
            *runs = 0;
            Should.Throw<InvalidOperationException>(() =>
            {
                FailingKernel failing = new((int*)address);
                workers.For(ref failing, 64, 1);
            });
            Volatile.Read(ref *runs).ShouldBe(threads == 1 ? 1 : 64); // no thread is still at work when the caller goes on
        }
        EveryIndexIsDoneOnce(threads);
    }

    [Fact]
    public unsafe void ScratchMemory_IsPrivateAndGrows()
    {
        using Workers workers = new(2);
        byte* zero = workers.Scratch(0, 100),
            one = workers.Scratch(1, 100);
        ((nint)one).ShouldNotBe((nint)zero);
        ((nint)workers.Scratch(0, 50)).ShouldBe((nint)zero);
        new Span<byte>(workers.Scratch(0, 1 << 20), 1 << 20).Fill(1);
    }

    private readonly unsafe struct CountKernel(int* visits, int threads) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            ((uint)worker).ShouldBeLessThan((uint)threads);
            for (int i = start; i < end; i++)
            {
                Interlocked.Increment(ref visits[i]);
            }
        }
    }

    private readonly unsafe struct SumKernel(long* sum) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
            {
                Interlocked.Add(ref *sum, i);
            }
        }
    }

    private readonly unsafe struct FailingKernel(int* runs) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            Interlocked.Increment(ref *runs);
            throw new InvalidOperationException("failed on purpose");
        }
    }
}
