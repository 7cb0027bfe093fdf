using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>How the learning rate moves.</summary>
/// <param name="Name">constant, linear, cosine, or wsd (warm-up, stable, decay).</param>
/// <param name="WarmupSteps">Steps from 0 to the peak.</param>
/// <param name="MinRate">Where the decay ends, as a fraction of the peak.</param>
/// <param name="DecaySteps">Length of wsd's decay; null: a fifth of the run.</param>
/// <param name="Decay">Shape of wsd's decay: linear, or 1-sqrt, which is 1 − √progress.</param>
public sealed record ScheduleOptions(
    string Name = "cosine",
    int WarmupSteps = 100,
    double MinRate = 0.1,
    int? DecaySteps = null,
    string Decay = "linear"
)
{
    internal static ScheduleOptions From(RecipeSection s)
    {
        ScheduleOptions absent = new();
        return new(
            s.Choice("name", absent.Name, "constant", "linear", "cosine", "wsd"),
            s.Integer("warmup_steps", absent.WarmupSteps),
            s.Number("min_rate", absent.MinRate, 0, 1),
            (int?)s.OptionalInteger("decay_steps", 1, int.MaxValue),
            s.Choice("decay", absent.Decay, "linear", "1-sqrt")
        );
    }

    /// <summary>The rate over a run of <paramref name="total"/> steps.</summary>
    /// <exception cref="ArgumentException">There is no schedule of that name.</exception>
    public LearningRate Over(int total)
    {
        Schedule course = (Name, Decay) switch
        {
            ("constant", _) => Schedule.Constant,
            ("linear", _) => Schedule.Linear,
            ("cosine", _) => Schedule.Cosine,
            ("wsd", "linear") => Schedule.WsdLinear,
            ("wsd", "1-sqrt") => Schedule.WsdSqrt,
            _ => throw new ArgumentException(
                $"there is no schedule '{Name}' with decay '{Decay}'; known are constant, linear, cosine and wsd, whose decay is linear or 1-sqrt"
            ),
        };
        return new LearningRate(course, total, WarmupSteps, DecaySteps ?? total / 5, MinRate);
    }
}
