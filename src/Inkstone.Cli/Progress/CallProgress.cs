using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>Chooses how a verb shows progress: a moving bar, plain lines, or nothing.</summary>
internal static class CallProgress
{
    /// <summary>Runs a training with the log that fits this terminal.</summary>
    public static T WithTrainLog<T>(this Call call, Func<ITrainLog?, T> run)
    {
        if (!call.Live)
        {
            return run(call.Quiet ? null : new PlainProgress(call.Error));
        }
        T result = default!;
        call.Screen.Progress().AutoClear(true).Columns(new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context => result = run(new LiveProgress(call.Screen, context.AddTask("starting"))));
        return result;
    }

    /// <summary>
    /// Runs work that reports a fraction and a few words: a bar on a terminal, else a line every few seconds.
    /// </summary>
    public static T WithProgress<T>(this Call call, string title, Func<IProgress<(double Fraction, string Words)>, T> run)
    {
        if (!call.Live)
        {
            return run(new Lines(call, title));
        }
        T result = default!;
        call.Screen.Progress().AutoClear(true).Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 32 }, new PercentageColumn())
            .Start(context => result = run(new Bar(context.AddTask(Markup.Escape(title), maxValue: 1), title)));
        return result;
    }

    private sealed class Bar(ProgressTask task, string title) : IProgress<(double Fraction, string Words)>
    {
        public void Report((double Fraction, string Words) value)
        {
            task.Value = value.Fraction;
            task.Description = Markup.Escape($"{title}: {value.Words}");
        }
    }

    private sealed class Lines(Call call, string title) : IProgress<(double Fraction, string Words)>
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
                call.Say(Figures.Of($"{title}: {100 * value.Fraction:0} %  {value.Words}"));
            }
        }
    }
}
