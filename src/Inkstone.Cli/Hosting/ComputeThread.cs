using System.Runtime.ExceptionServices;

namespace Inkstone.Cli;

/// <summary>A thread with a deep stack that does one piece of work while the caller waits.</summary>
internal static class ComputeThread
{
    private const int StackBytes = 16 << 20;

    public static T Run<T>(Func<T> work)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(
            () =>
            {
                try
                {
                    result = work();
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            StackBytes
        )
        {
            Name = "ink compute",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }
}
