using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>input_ids and labels of a case, with labels moved to the position that predicts them.</summary>
internal sealed class VerificationBatch(int rows, int length, int[] ids, int[] labels)
{
    public int Rows => rows;

    public int Length => length;

    public int LabelCount { get; } = Next(labels, length).Count(label => label != Ops.IgnoreLabel);

    public static VerificationBatch From(SafetensorsFile io)
    {
        long[] shape = io.Entry("input_ids").Shape;
        return shape.Length == 2 ? new VerificationBatch((int)shape[0], (int)shape[1], io.ReadInts("input_ids"), io.ReadInts("labels"))
            : throw new InvalidDataException($"{io.Path}: input_ids must be [rows, length].");
    }

    public Tensor Ids(Device device) => device.Rent(new Shape(rows, length), ids);

    /// <summary>Ids of one row alone.</summary>
    public Tensor Row(Device device, int row) => device.Rent(new Shape(1, length), ids.AsSpan(row * length, length));

    /// <summary>The first ids of the first row.</summary>
    public ReadOnlySpan<int> FirstIds(int count) => ids.AsSpan(0, Math.Min(count, length));

    /// <summary>The loss of the batch; gradients stay in the parameters.</summary>
    public double LossAndGradients(CausalLm model)
    {
        Device device = model.Device;
        using StepScope step = device.Step(record: true);
        Tensor loss = model.Loss(Ids(device), Labels(device), LabelCount, ForwardContext.Rows(device, rows, length));
        device.Tape.Backward(loss);
        return loss.Item();
    }

    public Tensor NextIds(Device device) => device.Rent(new Shape(rows, length), Next(ids, length));

    public Tensor Labels(Device device) => device.Rent(new Shape(rows, length), Next(labels, length));

    public float[] WithoutLast(ReadOnlySpan<float> values)
    {
        List<float> kept = [];
        for (int row = 0; row < rows; row++)
        {
            kept.AddRange(values.Slice(row * length, length - 1));
        }
        return [.. kept];
    }

    private static int[] Next(int[] values, int length)
        => [.. values.Select((_, i) => (i + 1) % length == 0 ? Ops.IgnoreLabel : values[i + 1])];
}
