using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;

namespace Inkstone.Verification;

/// <summary>Training of indexers (DeepSeek-V3.2): main + kl over the chosen keys, and the warm-up over all visible ones, whose gradients
/// lie in grads_dense.safetensors.</summary>
internal static class IndexerVerification
{
    /// <summary>Whether a file of steps is of this kind.</summary>
    public static bool IsCase(HfConfig golden) => golden.Text("total", "").StartsWith("main + kl", StringComparison.Ordinal);

    /// <summary>The warm-up: what indexers lose to attention over all visible keys, and their gradients.</summary>
    public static void Dense(
        CausalLm model,
        string directory,
        SafetensorsFile io,
        CaseBatch batch,
        Action<string, double, double> add,
        Tolerances tolerances
    )
    {
        if (!io.Contains("kl_dense") || model is not IIndexedModel indexed)
        {
            return;
        }
        IndexerTraining before = indexed.IndexerTraining;
        model.AfterStep();
        add("indexers: kl over chosen keys", Deviation.Relative([Figure(model)], [io.ReadFloats("kl")[0]]), tolerances.Loss);
        indexed.IndexerTraining = IndexerTraining.Dense;
        _ = batch.LossAndGradients(model);
        model.AfterStep();
        add("indexers: kl over all keys", Deviation.Relative([Figure(model)], [io.ReadFloats("kl_dense")[0]]), tolerances.Loss);
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(directory, "grads_dense.safetensors"));
        foreach (TensorEntry entry in expected.Tensors)
        {
            add(
                $"dense gradient {entry.Name}",
                model.Parameters[entry.Name].Grad is { } gradient
                    ? Deviation.OfNorm(gradient.ToArray(), expected.ReadFloats(entry.Name))
                    : double.NaN,
                tolerances.Gradient
            );
        }
        model.Parameters.ZeroGrad();
        indexed.IndexerTraining = before;
    }

    private static double Figure(CausalLm model) => model.Metrics.First(metric => metric.Name == "indexer_loss").Value;
}
