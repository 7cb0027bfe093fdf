using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>How a run ended.</summary>
/// <param name="Progress">How far it came.</param>
/// <param name="Interrupted">True when it was stopped before its end.</param>
/// <param name="EndedEarly">True when held-out loss had not fallen for long enough.</param>
/// <param name="Checkpoint">The newest checkpoint, or null.</param>
/// <param name="Best">The best checkpoint by validation, or null.</param>
/// <param name="Facts">Sizes.</param>
/// <param name="First">Validation before the first step, when this call began the run.</param>
/// <param name="Last">The last validation of this call.</param>
/// <param name="TokensPerSecond">Tokens over the wall time of this call's steps; NaN without steps.</param>
public sealed record RunResult(
    TrainProgress Progress,
    bool Interrupted,
    bool EndedEarly,
    string? Checkpoint,
    string? Best,
    RunFacts Facts,
    Validation? First,
    Validation? Last,
    double TokensPerSecond
);
