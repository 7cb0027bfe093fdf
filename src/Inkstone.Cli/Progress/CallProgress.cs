using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Chooses how a verb shows progress: a moving bar, plain lines, or nothing.</summary>
internal static class CallProgress
{
    /// <summary>Runs a training with the log that fits this terminal.</summary>
    public static T WithTrainLog<T>(this CommandContext call, Func<ITrainLog?, T> run)
    {
        if (call.Live is not { } terminal)
        {
            return run(call.Quiet ? null : new PlainProgress(call.Error));
        }
        try
        {
            terminal.Show("starting");
            return run(new LiveProgress(terminal));
        }
        finally
        {
            terminal.Show("");
        }
    }

    /// <summary>
    /// Runs work that reports a fraction and a few words: a bar on a terminal, else a line every few seconds.
    /// </summary>
    public static T WithProgress<T>(this CommandContext call, string title, Func<IProgress<(double Fraction, string Words)>, T> run)
    {
        if (call.Live is not { } terminal)
        {
            return run(new Lines(call, title));
        }
        try
        {
            return run(new LiveBar(terminal, title));
        }
        finally
        {
            terminal.Show("");
        }
    }

    private sealed class LiveBar(Terminal terminal, string title) : IProgress<(double Fraction, string Words)>
    {
        private readonly Lock _lock = new();
        private long _last;

        public void Report((double Fraction, string Words) value)
        {
            lock (_lock)
            {
                if (_last == 0 || System.Diagnostics.Stopwatch.GetElapsedTime(_last).TotalSeconds >= 0.1)
                {
                    _last = System.Diagnostics.Stopwatch.GetTimestamp();
                    terminal.Show(
                        Format.Text(
                            $"{title} {Format.Bar(value.Fraction, terminal.Width < 100 ? 10 : 20)} {100 * value.Fraction:0} %  {value.Words}"
                        )
                    );
                }
            }
        }
    }

    private sealed class Lines(CommandContext call, string title) : IProgress<(double Fraction, string Words)>
    {
        private readonly Lock _lock = new();
        private long _last = System.Diagnostics.Stopwatch.GetTimestamp();

        public void Report((double Fraction, string Words) value)
        {
            lock (_lock)
            {
                if (System.Diagnostics.Stopwatch.GetElapsedTime(_last).TotalSeconds < 3)
                {
                    return;
                }
                _last = System.Diagnostics.Stopwatch.GetTimestamp();
                call.Say(Format.Text($"{title}: {100 * value.Fraction:0} %  {value.Words}"));
            }
        }
    }
}
