using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>How gradients become steps.</summary>
/// <param name="Name">adamw, or muon for the matrices inside the blocks with AdamW for the rest.</param>
/// <param name="LearningRate">Peak rate of AdamW.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Eps">Added to the root of the second moment.</param>
/// <param name="WeightDecay">Decoupled decay of matrices.</param>
/// <param name="Clip">Largest global norm of the gradient; 0 does not clip.</param>
/// <param name="MuonLearningRate">Peak rate of Muon.</param>
/// <param name="MuonWeightDecay">Decay of Muon's matrices.</param>
public sealed record OptimizerOptions(
    string Name = "adamw",
    double LearningRate = 3e-4,
    double Beta1 = 0.9,
    double Beta2 = 0.95,
    double Eps = 1e-8,
    double WeightDecay = 0.1,
    double Clip = 1,
    double MuonLearningRate = 0.02,
    double MuonWeightDecay = 0.1
)
{
    internal static OptimizerOptions From(RecipeSection s)
    {
        OptimizerOptions absent = new();
        string name = s.Choice("name", absent.Name, "adamw", "muon");
        double rate = s.Number("lr", absent.LearningRate, 0, 1e6);
        RecipeSection muon = s.Section("muon");
        return new(
            name,
            rate,
            s.Number("beta1", absent.Beta1, 0, 0.999999),
            s.Number("beta2", absent.Beta2, 0, 0.9999999),
            s.Number("eps", absent.Eps, 1e-20, 1),
            s.Number("weight_decay", absent.WeightDecay, 0, 10),
            s.Number("clip", absent.Clip, 0, 1e6),
            muon.Number("lr", absent.MuonLearningRate, 0, 1e6),
            muon.Number("weight_decay", absent.MuonWeightDecay, 0, 10)
        );
    }

    /// <summary>AdamW's part of them.</summary>
    internal AdamWSettings Adam => new(LearningRate, Beta1, Beta2, Eps, WeightDecay);

    /// <summary>Muon's.</summary>
    internal MuonSettings Muon => new(MuonLearningRate, WeightDecay: MuonWeightDecay);

    /// <summary>Moves what is trained into an arena, those that one optimizer moves side by side.</summary>
    internal void Place(Parameters trained) => trained.Flatten(Name == "muon" ? Nn.Muon.Takes : null);

    /// <summary>The optimizers that move <paramref name="trained"/>, each parameter by one of them.</summary>
    /// <exception cref="ArgumentException">There is no optimizer of that name, or a setting is outside its range.</exception>
    public IReadOnlyList<IOptimizer> Build(Parameters trained)
    {
        AdamWSettings adam = Adam;
        Place(trained);
        return Name switch
        {
            "adamw" => [new AdamW(trained, adam)],
            "muon" => [new Muon(trained.Where(Nn.Muon.Takes), Muon), new AdamW(trained.Where(p => !Nn.Muon.Takes(p)), adam)],
            _ => throw new ArgumentException($"there is no optimizer '{Name}'; known are adamw and muon"),
        };
    }
}
