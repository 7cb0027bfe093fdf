namespace Inkstone.Nn;

/// <summary>Course of the learning rate after warmup.</summary>
public enum Schedule
{
    /// <summary>Stays at the peak.</summary>
    Constant,

    /// <summary>Straight down to the minimum.</summary>
    Linear,

    /// <summary>Half a cosine wave down to the minimum (arXiv:1608.03983).</summary>
    Cosine,

    /// <summary>Stays, then falls straight over the last steps (warmup–stable–decay, arXiv:2404.06395).</summary>
    WsdLinear,

    /// <summary>Stays, then falls by one minus the root of the progress (arXiv:2405.18392).</summary>
    WsdSqrt,
}

/// <summary>The learning rate as a multiple of its peak, by step counted from 0; the same numbers as transformers' schedulers.</summary>
/// <param name="Schedule">course after warmup</param>
/// <param name="TotalSteps">steps of the whole run</param>
/// <param name="WarmupSteps">steps of the straight rise at the beginning</param>
/// <param name="DecaySteps">steps of the fall at the end; only warmup–stable–decay has them</param>
/// <param name="MinMultiple">multiple of the peak at the end</param>
/// <param name="WarmupFromZero">true: step s of the rise has s / warmup, so that step 0 changes nothing; false: (s + 1) / warmup</param>
public sealed record LearningRate(
    Schedule Schedule,
    long TotalSteps,
    long WarmupSteps = 0,
    long DecaySteps = 0,
    double MinMultiple = 0,
    bool WarmupFromZero = false
)
{
    /// <summary>The multiple for a step.</summary>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return (step + (WarmupFromZero ? 0 : 1)) / (double)WarmupSteps;
        }
        double fall = Schedule switch
        {
            Schedule.Linear => 1 - Math.Min(1, Progress(step, WarmupSteps)),
            // Past the end the wave rises again, as it does in the schedulers that these numbers are compared with.
            Schedule.Cosine => 0.5 * (1 + Math.Cos(Math.PI * Progress(step, WarmupSteps))),
            Schedule.WsdLinear => 1 - DecayProgress(step),
            Schedule.WsdSqrt => 1 - Math.Sqrt(DecayProgress(step)),
            _ => 1,
        };
        return MinMultiple + (1 - MinMultiple) * fall;
    }

    private double DecayProgress(long step) => Math.Clamp(Progress(step, TotalSteps - DecaySteps), 0, 1);

    private double Progress(long step, long start) => (step - start) / (double)Math.Max(1, TotalSteps - start);
}
