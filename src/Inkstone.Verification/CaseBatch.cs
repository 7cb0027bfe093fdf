using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>input_ids and labels of a golden case, with labels moved to the position that predicts them.</summary>
internal sealed class CaseBatch(int rows, int length, int[] ids, int[] labels)
{
    private const int IgnoredLabel = -100;

    /// <summary>B.</summary>
    public int Rows => rows;

    /// <summary>T.</summary>
    public int Length => length;

    /// <summary>Labels that count.</summary>
    public int LabelCount { get; } = Next(labels, length).Count(label => label != IgnoredLabel);

    /// <summary>Reads io.safetensors.</summary>
    public static CaseBatch From(SafetensorsFile io)
    {
        long[] shape = io.Entry("input_ids").Shape;
        return shape.Length == 2
            ? new CaseBatch((int)shape[0], (int)shape[1], io.ReadInts("input_ids"), io.ReadInts("labels"))
            : throw new InvalidDataException($"{io.Path}: input_ids must be [rows, length].");
    }

    /// <summary>[B, T].</summary>
    public Tensor Ids(Device device) => device.Rent(new Shape(rows, length), ids);

    /// <summary>[1, T]: ids of one row alone.</summary>
    public Tensor Row(Device device, int row) => device.Rent(new Shape(1, length), ids.AsSpan(row * length, length));

    /// <summary>The ids of one row.</summary>
    public ReadOnlySpan<int> RowIds(int row) => ids.AsSpan(row * length, length);

    /// <summary>The first ids of the first row.</summary>
    public ReadOnlySpan<int> FirstIds(int count) => ids.AsSpan(0, Math.Min(count, length));

    /// <summary>[B, T]: the id after each.</summary>
    public Tensor NextIds(Device device) => device.Rent(new Shape(rows, length), Next(ids, length));

    /// <summary>[B, T]: the label of the next token.</summary>
    public Tensor Labels(Device device) => device.Rent(new Shape(rows, length), Next(labels, length));

    /// <summary>The model's loss on the batch; gradients stay in the parameters.</summary>
    public double LossAndGradients(CausalLm model)
    {
        Device device = model.Device;
        using StepScope step = device.Step(record: true);
        Tensor loss = model.Loss(Ids(device), Labels(device), LabelCount, ForwardContext.Rows(device, rows, length));
        device.Tape.Backward(loss);
        return loss.Item();
    }

    /// <summary>All values of a [B, T] array but each row's last.</summary>
    public float[] WithoutLast(ReadOnlySpan<float> values)
    {
        List<float> kept = [];
        for (int row = 0; row < rows; row++)
        {
            kept.AddRange(values.Slice(row * length, length - 1));
        }
        return [.. kept];
    }

    private static int[] Next(int[] values, int length) =>
        [.. values.Select((_, i) => (i + 1) % length == 0 ? IgnoredLabel : values[i + 1])];
}
