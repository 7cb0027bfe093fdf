using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Verification;

internal sealed partial class ModelVerification
{
    private void AdamWSteps(CaseBatch batch)
    {
        string file = Path.Combine(directory, "adamw.json");
        HfConfig golden = HfConfig.Read(file);
        if (MultiTokenVerification.IsCase(golden))
        {
            using CausalLm predicting = Open();
            MultiTokenVerification.Steps(
                predicting is IPredictsAhead { PredictionDepth: > 0 } || IndexerVerification.IsCase(golden)
                    ? predicting
                    : throw new InvalidDataException(
                        $"{file} holds steps with prediction modules, which are not built for {predicting.Config.Text("model_type")}."
                    ),
                golden,
                batch,
                Add,
                _tolerances
            );
            return;
        }
        using CausalLm model = Open();
        AdamW optimizer = new(model.Parameters, new AdamWSettings());
        double[] expectedLosses = golden.Numbers("losses"),
            losses = new double[expectedLosses.Length],
            norms = new double[losses.Length];
        for (int step = 0; step < losses.Length; step++)
        {
            losses[step] = batch.LossAndGradients(model);
            norms[step] = GradientClip.Norm(model.Parameters);
            optimizer.Step(1, GradientClip.Factor(norms[step], 1));
            model.Parameters.ZeroGrad();
        }
        Add("AdamW losses", Deviation.Relative(losses, expectedLosses), _tolerances.Loss);
        Add("AdamW gradient norms", Deviation.Relative(norms, golden.Numbers("grad_norms_before_clip")), _tolerances.Norm);
    }

    /// <summary>Six steps with Muon on the blocks' matrices and AdamW on the rest; the reference iterates in bfloat16, so the tolerance is
    /// wide.</summary>
    private void MuonSteps(CaseBatch batch)
    {
        string file = Path.Combine(directory, "..", "..", "misc", "muon.json");
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));
        if (!File.Exists(file) || HfConfig.Read(file) is not { } golden || golden.Text("case") != name)
        {
            return;
        }
        using CausalLm model = Open();
        Muon muon = new(model.Parameters.Where(Muon.Takes), new MuonSettings());
        AdamW rest = new(model.Parameters.Where(p => !Muon.Takes(p)), new AdamWSettings(WeightDecay: 0));
        double[] expected = golden.Numbers("losses"),
            losses = new double[expected.Length];
        for (int step = 0; step < losses.Length; step++)
        {
            losses[step] = batch.LossAndGradients(model);
            muon.Step(1);
            rest.Step(1);
            model.Parameters.ZeroGrad();
        }
        Add("Muon losses", Deviation.Relative(losses, expected), 1e-2);
    }
}
