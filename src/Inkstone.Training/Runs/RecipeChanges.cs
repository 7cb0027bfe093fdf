namespace Inkstone.Training;

/// <summary>
/// What of a recipe differs from the one that a resumed run was begun with. Model and adapter come from the checkpoint, so another one
/// cannot be asked for;
/// anything else may change, but the run is no longer the uninterrupted one.
/// </summary>
internal static class RecipeChanges
{
    private const string BasePath = "model.path",
        Weights = "model.weights",
        Nothing = "nothing";

    /// <summary>Keys that change nothing in the result.</summary>
    private static readonly string[] Harmless =
    [
        "train.threads",
        "out",
        "train.keep",
        "train.save_every",
        "distributed.zero",
        "distributed.bucket_mb",
    ];

    /// <summary>Tells of changed keys, and refuses those of model and adapter.</summary>
    /// <param name="before">the resolved recipe in the checkpoint</param>
    /// <param name="now">the resolved recipe of this run</param>
    /// <param name="warn">where warnings go</param>
    /// <exception cref="InvalidDataException">Another model or adapter is asked for.</exception>
    public static void Check(string before, string now, Action<string> warn)
    {
        IReadOnlyDictionary<string, string> old = RecipeFile.Values(before),
            own = RecipeFile.Values(now);
        foreach (string key in own.Keys.Union(old.Keys))
        {
            string was = old.GetValueOrDefault(key, Nothing),
                value = own.GetValueOrDefault(key, Nothing);
            if (
                was == value
                || Harmless.Contains(key)
                || (was == Nothing && key.StartsWith("distributed.", StringComparison.Ordinal))
                || (key == BasePath && Path.GetFullPath(was) == Path.GetFullPath(value))
            )
            {
                continue;
            }
            if (IsFixed(key, was, old))
            {
                throw new InvalidDataException(
                    $"--resume goes on with the {key.Split('.')[0]} that the run was begun with: {key} was {(was == Nothing ? "not given" : was)} and is {(value == Nothing ? "not given" : value)} now; give it as it was, or begin another run with another out"
                );
            }
            warn($"resuming with a changed recipe: {key}: {value} (the run was begun with {was})");
        }
    }

    private static bool IsFixed(string key, string was, IReadOnlyDictionary<string, string> old)
    {
        if (key == BasePath)
        {
            return Path.Exists(was); // else it was moved, and what lies at the new place is held against the checkpoint's shapes
        }
        // An adapter's key that the run was begun without is one that the program did not have then.
        return key != Weights
            && (
                key.StartsWith("model.", StringComparison.Ordinal)
                || (
                    key.StartsWith("adapter.", StringComparison.Ordinal)
                    && (was != Nothing || !old.Keys.Any(k => k.StartsWith("adapter.", StringComparison.Ordinal)))
                )
            );
    }
}
