using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Verification;

namespace Inkstone.Cli;

/// <summary>A small Llama with random weights, computed on the given device and on a portable one, with and without cache.</summary>
internal static class BuiltInModel
{
    private const int Rows = 2,
        Length = 48,
        Vocabulary = 211,
        NewTokens = 24;

    private const string Config = """
        {"model_type": "llama", "vocab_size": 211, "hidden_size": 96, "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 6,
         "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "initializer_range": 0.05}
        """;

    public static IReadOnlyList<VerificationCheck> Run(Device device)
    {
        using Device portable = new(1, Isa.Portable);
        using CausalLm here = Pretrained.New(HfConfig.Parse(Config), device, 1),
            there = Pretrained.New(HfConfig.Parse(Config), portable, 1);
        (float[] logits, double loss, List<float[]> gradients) = Compute(here);
        (float[] rightLogits, double rightLoss, List<float[]> rightGradients) = Compute(there);
        double tolerance = device.MatMulType == DType.BFloat16 ? 3e-2 : 2e-5;
        double worstGradient = 0;
        for (int i = 0; i < gradients.Count; i++)
        {
            worstGradient = Math.Max(worstGradient, RelativeNorm(gradients[i], rightGradients[i]));
        }
        int[] prompt = [3, 1, 4, 1, 5];
        Generator generator = new(here);
        bool same = generator
            .Generate(prompt, SamplingParams.Greedy(NewTokens))
            .SequenceEqual(generator.Generate(prompt, SamplingParams.Greedy(NewTokens), useCache: false));
        return
        [
            new("logits", RelativeNorm(logits, rightLogits), tolerance),
            new("loss", Math.Abs(loss - rightLoss) / rightLoss, tolerance),
            new("gradients", worstGradient, tolerance),
            new("greedy with cache = without", same ? 0 : 1, 0),
        ];
    }

    private static (float[] Logits, double Loss, List<float[]> Gradients) Compute(CausalLm model)
    {
        int[] ids = [.. Enumerable.Range(0, Rows * Length).Select(i => i * i % Vocabulary)];
        int[] labels = [.. ids.Select((_, i) => (i + 1) * (i + 1) % Vocabulary)];
        Shape shape = new(Rows, Length);
        float[] logits;
        using (model.Device.Step())
        {
            logits = model.Logits(model.Hidden(model.Device.Rent(shape, ids), ForwardContext.Rows(model.Device, Rows, Length))).ToArray();
        }
        using (model.Device.Step(record: true))
        {
            Tensor loss = model.Loss(
                model.Device.Rent(shape, ids),
                model.Device.Rent(shape, labels),
                Rows * Length,
                ForwardContext.Rows(model.Device, Rows, Length)
            );
            model.Device.Tape.Backward(loss);
            List<float[]> gradients = [];
            foreach (Parameter p in model.Parameters)
            {
                gradients.Add(p.Tensor.Grad!.ToArray());
            }
            return (logits, loss.Item(), gradients);
        }
    }

    /// <summary>‖a − e‖ / ‖e‖.</summary>
    private static double RelativeNorm(float[] actual, float[] expected)
    {
        double difference = 0,
            norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow(actual[i] - expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / norm);
    }
}
