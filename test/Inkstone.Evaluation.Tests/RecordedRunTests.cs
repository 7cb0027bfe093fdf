using Inkstone.Tensors;
using Inkstone.Verification;

namespace Inkstone.Evaluation.Tests;

/// <summary>Runs that lm-evaluation-harness 0.4.13 made of the same files.</summary>
public sealed class RecordedRunTests
{
    [GoldenFact("goldens/lm_eval2/runs", "goldens/lm_eval2/tasks")]
    public void Requests_and_scores_are_those_of_lm_eval()
    {
        IReadOnlyList<VerificationCheck> checks = new EvaluationVerification(Goldens.Of("lm_eval2")).Run();
        checks.Count.ShouldBeGreaterThan(190);
        checks.Where(c => !c.Ok).ShouldBeEmpty();
    }

    [GoldenFact("goldens/lm_eval2/tokens.json", "tokenizers")]
    public void Tokens_log_likelihoods_and_texts_are_those_of_lm_eval()
    {
        using Device device = new(2);
        IReadOnlyList<VerificationCheck> checks = new EvaluationTokenVerification(Goldens.Of("lm_eval2"), device).Run();
        checks.Count.ShouldBe(10);
        checks.Where(c => !c.Ok).ShouldBeEmpty();
    }
}
