namespace Inkstone.Tensors;

/// <summary>Products as one job of all threads: the panels of all of them are packed together, then their tasks are shared out
/// together.</summary>
internal static unsafe class MatMulJob
{
    /// <summary>Runs <paramref name="count"/> products, at least one.</summary>
    public static void Run(Device device, MicroKernel kernel, MatMulPlan* plans, int count)
    {
        long bytes = 0;
        for (int i = 0; i < count; i++)
        {
            bytes += plans[i].PackedBytes;
        }
        Tensor packed = device.Rent(new Shape(checked((int)(bytes / sizeof(float)))));
        byte* at = packed.Pointer;
        int packItems = 0,
            tasks = 0;
        for (int i = 0; i < count; i++)
        {
            plans[i].PackedB = at;
            at += plans[i].PackedBytes;
            packItems += plans[i].PackItems;
            tasks += plans[i].Tasks;
        }
        device.Run(new PackTask(kernel, plans, device.Workers), packItems, 1);
        device.Run(new BlockTask(kernel, plans, device.Workers), tasks, 1);
        packed.Release();
    }

    private readonly struct PackTask(MicroKernel kernel, MatMulPlan* plans, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            MatMulPlan* plan = plans;
            int first = 0;
            for (int item = start; item < end; item++)
            {
                while (item >= first + plan->PackItems)
                {
                    first += plan++->PackItems;
                }
                plan->Pack(kernel, workers, item - first, worker);
            }
        }
    }

    private readonly struct BlockTask(MicroKernel kernel, MatMulPlan* plans, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            MatMulPlan* plan = plans;
            int first = 0;
            kernel.Begin();
            for (int block = start; block < end; block++)
            {
                while (block >= first + plan->Tasks)
                {
                    first += plan++->Tasks;
                }
                plan->Multiply(kernel, workers, block - first, worker);
            }
            kernel.End();
        }
    }
}
