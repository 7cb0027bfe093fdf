namespace Inkstone.Training;

/// <summary>What a run computes with.</summary>
/// <param name="Precision">Type in which matrix products multiply: fp32, or bf16 with float32 sums.</param>
/// <param name="Threads">0: one per core.</param>
public sealed record DeviceOptions(string Precision = "fp32", int Threads = 0)
{
    internal static DeviceOptions From(RecipeSection train)
    {
        DeviceOptions absent = new();
        return new(train.Choice("precision", absent.Precision, "fp32", "bf16"), train.Integer("threads", absent.Threads, 0, 4096));
    }
}
