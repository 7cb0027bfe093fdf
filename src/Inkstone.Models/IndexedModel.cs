using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;

namespace Inkstone.Models;

/// <summary>A model whose attention sees what indexers choose, and that trains them where its configuration says so.</summary>
internal interface IIndexedModel
{
    /// <summary>What indexers learn from; the configuration's <c>indexer_loss</c> until changed.</summary>
    IndexerTraining IndexerTraining { get; set; }
}

/// <summary>The key of such models.</summary>
internal static class IndexedModel
{
    /// <summary><c>indexer_loss</c>, a key of our own: transformers does not train indexers.</summary>
    public static IndexerTraining TrainingOf(HfConfig config) =>
        config.Text("indexer_loss", "none") switch
        {
            "none" => IndexerTraining.None,
            "dense" => IndexerTraining.Dense,
            "sparse" => IndexerTraining.Sparse,
            string other => throw new InvalidDataException(
                $"{config.Source}: indexer_loss \"{other}\" is not known here; known are none, dense and sparse."
            ),
        };
}
