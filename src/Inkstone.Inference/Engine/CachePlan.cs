using Inkstone.Models;

namespace Inkstone.Inference;

/// <summary>How many tokens caches have room for.</summary>
internal static class CachePlan
{
    /// <summary>Share of the memory that is free which caches may take; activations, weights that are being loaded and other programs need
    /// the rest.</summary>
    private const double Share = 0.7;

    /// <summary>What is asked for, or what all texts of full length need, or what the machine's memory allows.</summary>
    /// <exception cref="InsufficientMemoryException">Not even a short text fits.</exception>
    public static long Tokens(CausalLm model, EngineOptions options, int longest, int step)
    {
        long all = (long)options.MaxSequences * longest;
        if (options.CacheTokens > 0)
        {
            return Math.Min(options.CacheTokens, all);
        }
        long free = (long)(Share * Math.Max(0, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet)),
            low = 0,
            high = all;
        IEnumerable<ICacheSpec> layers =
            options.GuessesAhead && model is IPredictsAhead { PredictionDepth: > 0 } predicting
                ? model.CacheSpecs.Append(predicting.PredictionCache)
                : model.CacheSpecs;
        while (low < high)
        {
            long middle = (low + high + 1) / 2;
            (low, high) =
                PagedCache.BytesFor(layers, middle, options.MaxSequences, longest, step, options.Guesses) <= free
                    ? (middle, high)
                    : (low, middle - 1);
        }
        return low >= Math.Min(longest, 64)
            ? low
            : throw new InsufficientMemoryException(
                $"caches of {options.MaxSequences} texts need more memory than is free ({free >> 20} MiB); allow fewer at once, or shorter ones"
            );
    }
}
