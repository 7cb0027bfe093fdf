using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>
/// Computes what a golden adapter case holds (adapter_config.json, adapter_model.safetensors, io.safetensors, grads.safetensors,
/// adamw.json) and compares:
/// logits and loss of the model that wears the adapter, every gradient, six AdamW steps, and the logits after these with the adapter
/// merged.
/// </summary>
internal sealed class AdapterVerification(string directory, Device device)
{
    /// <summary>What PEFT puts into the names of parameters in memory, and not in files.</summary>
    private static readonly string[] InMemory = [".modules_to_save", ".default"];

    private readonly Tolerances _tolerances = Tolerances.For(device.MatMulType);
    private readonly List<VerificationCheck> _checks = [];

    /// <summary>Whether a directory is such a case.</summary>
    public static bool IsCase(string directory) =>
        PeftAdapter.IsAdapter(directory) && File.Exists(Path.Combine(directory, "io.safetensors"));

    /// <summary>Runs every comparison that the case has files for.</summary>
    public IReadOnlyList<VerificationCheck> Run()
    {
        _checks.Clear();
        using SafetensorsFile io = SafetensorsFile.Open(Path.Combine(directory, "io.safetensors"));
        CaseBatch batch = CaseBatch.From(io);
        string below =
            PeftAdapter.BaseOf(directory)
            ?? throw new InvalidDataException(
                $"{Path.Combine(directory, PeftAdapter.ConfigFile)} names no base_model_name_or_path; add it."
            );
        using CausalLm model = PeftAdapter.Open(below, directory, device);
        Add("logits", Deviation.OfLargest(Logits(model, batch), io.ReadFloats("logits")), _tolerances.Logits);
        Gradients(model, io, batch);
        Steps(model, batch);
        model.Adapter!.Merge();
        // AdamW's first step is as long for a gradient that is nearly 0 as for any other, so where rounding decides its sign a weight moves
        // the other way. A whole
        // matrix that is trained has many such gradients, and each counts in full.
        double tolerance = _tolerances.Logits * (model.Adapter.Config.SavedModules.Count > 0 ? 10 : 1);
        Add(
            "merged logits after the steps",
            Deviation.OfLargest(Logits(model, batch), io.ReadFloats("merged_logits_after_6_steps")),
            tolerance
        );
        return _checks;
    }

    private void Gradients(CausalLm model, SafetensorsFile io, CaseBatch batch)
    {
        double loss = batch.LossAndGradients(model);
        Add("loss", Deviation.Relative([loss], [io.ReadFloats("loss")[0]]), _tolerances.Loss);
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(directory, "grads.safetensors"));
        Parameters parameters = model.Adapter!.Parameters;
        HashSet<string> left = [.. parameters.Select(p => p.Name)];
        foreach (TensorEntry entry in expected.Tensors)
        {
            string name = InFile(entry.Name);
            Tensor? actual = left.Remove(name) ? parameters[name].Grad : null;
            bool comparable = actual is not null && SafetensorsFile.SameSizes(entry, actual.Shape);
            Add(
                $"gradient {name[Adapter.Prefix.Length..]}",
                comparable ? Deviation.OfNorm(actual!.ToArray(), expected.ReadFloats(entry.Name)) : double.NaN,
                _tolerances.Gradient
            );
        }
        foreach (string name in left)
        {
            Add($"gradient {name} is not expected", double.NaN, _tolerances.Gradient);
        }
        HashSet<Tensor> own = [.. parameters.Select(p => p.Tensor)];
        if (model.Parameters.Any(p => p.Tensor.Grad is not null && !own.Contains(p.Tensor)))
        {
            Add("the model below has no gradients", double.NaN, 0);
        }
        parameters.ZeroGrad();
    }

    /// <summary><c>q_proj.lora_A.default.weight</c> is <c>q_proj.lora_A.weight</c>; a magnitude is <c>lora_magnitude_vector</c> in
    /// files.</summary>
    private static string InFile(string name)
    {
        string plain = InMemory.Aggregate(name, (text, part) => text.Replace(part, "", StringComparison.Ordinal));
        return plain.EndsWith("_vector.weight", StringComparison.Ordinal) ? plain[..^".weight".Length] : plain;
    }

    private void Steps(CausalLm model, CaseBatch batch)
    {
        HfConfig golden = HfConfig.Read(Path.Combine(directory, "adamw.json"));
        Parameters parameters = model.Adapter!.Parameters;
        AdamW optimizer = new(parameters, new AdamWSettings(Beta2: 0.999, WeightDecay: 0)); // torch's betas; adapters do not decay
        double[] expected = golden.Numbers("losses"),
            losses = new double[expected.Length];
        for (int step = 0; step < losses.Length; step++)
        {
            losses[step] = batch.LossAndGradients(model);
            optimizer.Step(1);
            parameters.ZeroGrad();
        }
        Add("AdamW losses", Deviation.Relative(losses, expected), _tolerances.Loss);
    }

    private float[] Logits(CausalLm model, CaseBatch batch)
    {
        using StepScope step = device.Step();
        return model.Logits(model.Hidden(batch.Ids(device), ForwardContext.Rows(device, batch.Rows, batch.Length))).ToArray();
    }

    private void Add(string name, double worst, double tolerance) => _checks.Add(new VerificationCheck(name, worst, tolerance));
}
