using Inkstone.Formats;

namespace Inkstone.Models.DeepseekV3;

/// <summary>What indexers learn from, by <c>indexer_loss</c>, a key of our own.</summary>
internal static class IndexerObjective
{
    /// <summary>The configuration's.</summary>
    public static IndexerTraining Of(HfConfig config) => config.Text("indexer_loss", "none") switch
    {
        "none" => IndexerTraining.None,
        "dense" => IndexerTraining.Dense,
        "sparse" => IndexerTraining.Sparse,
        string other => throw new InvalidDataException($"{config.Source}: indexer_loss \"{other}\" is not known here; known are none, dense and sparse."),
    };
}
