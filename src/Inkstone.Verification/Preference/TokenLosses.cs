using System.Text.Json.Nodes;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>The sections distillation and sft of a file preference_losses2.json: losses of logits, through the ops of training behind a
/// head that is the identity.</summary>
internal sealed class TokenLosses(LossChecks checks, Device device)
{
    private const int Ignored = -100;

    public void Distillation(JsonNode node)
    {
        double[][] student = [.. node.Get("student_logits").AsArray().Select(row => row!.Numbers())],
            teacher = [.. node.Get("teacher_logits").AsArray().Select(row => row!.Numbers())];
        int[] labels = node.Get("labels").Ids();
        int vocabulary = student[0].Length;
        using Tensor head = LogitCase.Identity(device, vocabulary);
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            string place = $"distillation {name}";
            options.Know(place, "beta", "temperature", "masked", "num_items_in_batch");
            int[] rows = [.. Enumerable.Range(0, student.Length).Where(i => !((bool?)options["masked"] ?? false) || labels[i] != Ignored)];
            using Tensor x = Rows(student, rows, trained: true),
                t = Rows(teacher, rows, trained: false);
            using StepScope step = device.Step(record: true);
            Tensor loss = Ops.LogitDivergence(
                x,
                head,
                t,
                head,
                (float)options.Number("beta", 0.5),
                (float)options.Number("temperature", 1),
                (float)options.Number("num_items_in_batch", rows.Length),
                out double entropy
            );
            device.Tape.Backward(loss);
            checks.Loss(place, expected, loss.Item(), Placed(x, rows, student.Length), LossChecks.Tolerance(expected));
            if (expected["student_entropy_sum"] is { } sum)
            {
                checks.Number($"{place}: student_entropy_sum", entropy, (double)sum, 1e-5);
            }
            if (expected["distillation_trainer_float32"]?["loss"] is { } single)
            {
                checks.Number($"{place}: loss in float32", loss.Item(), (double)single, 1e-5);
            }
        }
    }

    public void Sft(JsonNode node)
    {
        double[][][] logits = [.. node.Get("logits").AsArray().Select(s => s!.AsArray().Select(row => row!.Numbers()).ToArray())];
        int[][] labels = [.. node.Get("labels").AsArray().Select(s => s!.Ids())];
        int length = labels[0].Length;
        double[][] all = [.. logits.SelectMany(s => s)];
        int[] next = [.. labels.SelectMany(s => s.Skip(1).Append(Ignored))],
            rows = [.. Enumerable.Range(0, next.Length).Where(i => next[i] != Ignored)];
        using Tensor head = LogitCase.Identity(device, all[0].Length);
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            string place = $"sft {name}";
            options.Know(place, "loss_type", "num_items_in_batch");
            double items = options.Number("num_items_in_batch", rows.Length);
            using Tensor x = Rows(all, rows, trained: true);
            using StepScope step = device.Step(record: true);
            Tensor wanted = device.Rent(new Shape(rows.Length), [.. rows.Select(i => next[i])]);
            Tensor loss = (string?)options["loss_type"] switch
            {
                null or "nll" => Ops.LinearCrossEntropy(x, head, wanted, (float)items),
                "dft" => Ops.LabelLoss(x, head, wanted, new LabelStatistics(), s => Inkstone.Training.DynamicTokens.Loss(s, items)),
                { } other => throw checks.Unknown($"the loss_type \"{other}\" of {place}"),
            };
            device.Tape.Backward(loss);
            checks.Loss(place, expected, loss.Item(), Placed(x, rows, all.Length), LossChecks.Tolerance(expected));
        }
    }

    private Tensor Rows(double[][] all, int[] rows, bool trained) =>
        Tensor.From(device, new Shape(rows.Length, all[0].Length), [.. rows.SelectMany(i => all[i].Select(v => (float)v))], trained);

    /// <summary>The gradient of the rows that were learned from, zeros elsewhere.</summary>
    private static double[] Placed(Tensor x, int[] rows, int count)
    {
        int width = x.Shape.Last;
        double[] all = new double[count * width];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < width; j++)
            {
                all[rows[i] * width + j] = x.Grad!.Item((long)i * width + j);
            }
        }
        return all;
    }
}
