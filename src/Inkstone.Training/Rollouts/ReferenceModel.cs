using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The policy as it was before the first step: the same weights with a new adapter off, else a second copy in memory (the base, or
/// the base with the adapter that the run goes on with).</summary>
internal sealed class ReferenceModel : IDisposable
{
    private readonly TunedModel? _copy;
    private readonly Adapter? _off;
    private readonly PolicyObjective _objective;

    public ReferenceModel(ITuningRecipe recipe, CausalLm policy, Device device, PolicyOptions options, int maxTokens, double temperature)
    {
        _off = recipe.Adapter is not null ? policy.Adapter : null;
        if (_off is null)
        {
            _copy = new TunedModel(recipe, _ => { });
            _copy.Open(null, device, _ => { }).TrainingRng.Silent = true;
        }
        _objective = new PolicyObjective(_copy?.Model ?? policy, options, maxTokens, temperature);
    }

    /// <summary>Log-probabilities of answers under it.</summary>
    public void LogProbs(AnswerBatch answers, TokenRuns to)
    {
        if (_off is null)
        {
            _objective.LogProbs(answers, to);
            return;
        }
        using (_off.Disabled())
        {
            _objective.LogProbs(answers, to);
        }
    }

    public void Dispose() => _copy?.Dispose();
}
