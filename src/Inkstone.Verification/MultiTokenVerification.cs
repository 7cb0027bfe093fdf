using System.Globalization;
using System.Text.RegularExpressions;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>
/// Pretraining with prediction modules (DeepSeek-V3, Qwen3.5): the logits of the prediction modules, and steps of which each loss, the
/// gradient norm and the moving correction bias are compared.
/// adamw.json tells the weights of the losses and the step of the bias in its formulas.
/// </summary>
internal static partial class MultiTokenVerification
{
    private static readonly string[] StepFigures = ["main", "mtp", "seq_aux", "kl", "total", "grad_norm"];

    /// <summary>Whether the file of steps is of this kind.</summary>
    public static bool IsCase(HfConfig golden) => golden.Has("steps") && golden.Has("total");

    /// <summary>Sets the model's aims to those of the case.</summary>
    public static void SetObjective(CausalLm model, HfConfig golden)
    {
        if (model is IIndexedModel indexed && IndexerVerification.IsCase(golden))
        {
            (model as DeepseekV3Model)?.Objective = new DeepseekV3Objective(0, 0, 0);
            (model as IPredictsAhead)?.PredictionWeight = 0;
            indexed.IndexerTraining = IndexerTraining.Sparse;
        }
        else if (model is DeepseekV3Model deepseek && IsCase(golden))
        {
            string total = golden.Text("total");
            deepseek.Objective = new DeepseekV3Objective(
                Factor(golden, SequenceFactor().Match(total)),
                Factor(golden, PredictionFactor().Match(total)),
                Factor(golden, BiasFactor().Match(golden.Text("bias", "")))
            );
        }
        else if (model is IPredictsAhead predicting && IsCase(golden))
        {
            predicting.PredictionWeight = Factor(golden, PredictionFactor().Match(golden.Text("total")));
        }
    }

    /// <summary>Logits of the first module.</summary>
    public static void Forward(
        CausalLm model,
        SafetensorsFile io,
        CaseBatch batch,
        Action<string, double, double> add,
        Tolerances tolerances
    )
    {
        if (!io.Contains("mtp_logits"))
        {
            return;
        }
        using StepScope step = model.Device.Step();
        Tensor ids = batch.Ids(model.Device);
        ForwardContext ctx = ForwardContext.Rows(model.Device, batch.Rows, batch.Length);
        float[] logits = model is IPredictsAhead { PredictionDepth: > 0 } predicting
            ? model.Logits(predicting.Ahead(1, model.Hidden(ids, ctx), ids, ctx)).ToArray()
            : [];
        add("mtp_logits", Deviation.OfLargest(logits, io.ReadFloats("mtp_logits")), tolerances.Logits);
    }

    /// <summary>AdamW steps with the bias update.</summary>
    public static void Steps(CausalLm model, HfConfig golden, CaseBatch batch, Action<string, double, double> add, Tolerances tolerances)
    {
        HfConfig[] expected = golden.Objects("steps");
        AdamW optimizer = new(model.Parameters, new AdamWSettings());
        string[] names = [.. StepFigures.Where(expected[0].Has)];
        double[][] found = [.. names.Select(_ => new double[expected.Length])];
        for (int step = 0; step < expected.Length; step++)
        {
            double total = batch.LossAndGradients(model),
                norm = GradientClip.Norm(model.Parameters),
                added = model.AddedLoss;
            if (step == 0)
            {
                Counts(model, golden, add);
            }
            optimizer.Step(1, GradientClip.Factor(norm, 1));
            model.Parameters.ZeroGrad();
            model.AfterStep();
            for (int i = 0; i < names.Length; i++)
            {
                found[i][step] = names[i] switch
                {
                    "main" => total - added,
                    "mtp" => Figure(model, "mtp_loss"),
                    "seq_aux" => Figure(model, "sequence_balance_loss"),
                    "kl" => Figure(model, "indexer_loss"),
                    "total" => total,
                    _ => norm,
                };
            }
        }
        for (int i = 0; i < names.Length; i++)
        {
            add($"AdamW steps: {names[i]}", Deviation.Relative(found[i], [.. expected.Select(s => s.Number(names[i]))]), tolerances.Loss);
        }
    }

    /// <summary>Choices of each expert in the first step, layer by layer as the file has them.</summary>
    private static void Counts(CausalLm any, HfConfig golden, Action<string, double, double> add)
    {
        if (golden.Object("router_counts_first_step") is not { } counts || any is not DeepseekV3Model model)
        {
            return;
        }
        double differing = 0;
        foreach ((string name, ExpertRouter router) in counts.Keys.Zip(model.SparseLayers.Select(r => r.Router)))
        {
            int[] expected = counts.Ints(name);
            for (int e = 0; e < Math.Max(expected.Length, router.Experts); e++)
            {
                differing += e < expected.Length && e < router.Experts ? Math.Abs(expected[e] - router.Counts[e]) : 1;
            }
        }
        // With rounded products a token between two experts may choose the other one.
        add(
            "router counts",
            differing + Math.Abs(counts.Keys.Count() - model.SparseLayers.Length),
            model.Device.MatMulType == DType.BFloat16 ? 20 : 0
        );
    }

    private static double Figure(CausalLm model, string name) => model.Metrics.First(f => f.Name == name).Value;

    private static double Factor(HfConfig golden, Match match) =>
        match.Success && double.TryParse(match.Groups[1].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double factor)
            ? factor
            : throw new InvalidDataException(
                $"{golden.Source}: \"total\" must read main + X * mtp (+ Y * seq_aux), and \"bias\" name Z * sign."
            );

    [GeneratedRegex(@"([\d.eE+-]+) \* mtp")]
    private static partial Regex PredictionFactor();

    [GeneratedRegex(@"([\d.eE+-]+) \* seq_aux")]
    private static partial Regex SequenceFactor();

    [GeneratedRegex(@"([\d.eE+-]+) \* sign")]
    private static partial Regex BiasFactor();
}
