namespace Inkstone.Data;

/// <summary>Work on many items by several threads, with results in the order of the items and only a few of both in memory.</summary>
internal static class OrderedWork
{
    /// <summary>Reads items and takes results on the calling thread; <paramref name="work"/> runs on up to <paramref name="threads"/>
    /// others.</summary>
    public static void Run<TItem, TResult>(
        IEnumerable<TItem> items,
        Func<TItem, TResult> work,
        Action<TResult> take,
        int threads,
        CancellationToken cancellation
    )
    {
        if (threads <= 1)
        {
            foreach (TItem item in items)
            {
                cancellation.ThrowIfCancellationRequested();
                take(work(item));
            }
            return;
        }
        TaskFactory factory = new(new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, threads).ConcurrentScheduler);
        Queue<Task<TResult>> running = new();
        try
        {
            foreach (TItem item in items)
            {
                cancellation.ThrowIfCancellationRequested();
                if (running.Count >= 2 * threads)
                {
                    take(running.Dequeue().GetAwaiter().GetResult());
                }
                running.Enqueue(factory.StartNew(() => work(item)));
            }
            while (running.TryDequeue(out Task<TResult>? task))
            {
                take(task.GetAwaiter().GetResult());
            }
        }
        finally
        {
            // After a fault nothing may go on in the background; faults behind the first one are not told.
            foreach (Task<TResult> task in running)
            {
                ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
            }
        }
    }
}
