namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rows of a table by id: [B, T] → [B, T, C].</summary>
    /// <remarks><code>
    /// forward   y_t = weight[id_t]
    /// backward  dweight[id] = Σ over t with id_t = id of dy_t, in the order of t
    /// </code></remarks>
    /// <param name="weight">[V, C], float32 or bfloat16</param>
    /// <param name="ids">int32 [B, T] or [T]</param>
    public static Tensor Embedding(Tensor weight, Tensor ids)
    {
        if (weight.Shape.Rank != 2 || ids.Shape.Rank > 2)
        {
            throw new ArgumentException(
                $"an embedding needs a table [V, C] and ids [B, T], got {weight.Shape} and {ids.Shape}",
                nameof(weight)
            );
        }
        CheckIds(ids, weight.Shape[0]);
        int width = weight.Shape.Last;
        Tensor y = weight.Device.Rent(ids.Shape.Rank == 1 ? new Shape(ids.Shape[0], width) : new Shape(ids.Shape[0], ids.Shape[1], width)); // [B, T, C]
        EmbeddingKernels.Forward(weight, ids, y);
        if (weight.Device.Tape.Wants(weight))
        {
            weight.Device.Tape.Record<EmbeddingNode>(y).Set(weight, ids);
        }
        return y;
    }

    /// <summary>The same of a table whose rows lie in several tensors, one behind the other: [B, T] → [B, T, C].</summary>
    /// <param name="parts">each [rows, C], float32 or bfloat16, all of one type; the array must not change while the step lasts</param>
    /// <param name="ids">int32 [B, T]</param>
    public static Tensor Embedding(Tensor[] parts, Tensor ids)
    {
        if (parts.Length == 1)
        {
            return Embedding(parts[0], ids);
        }
        Device device = parts[0].Device;
        int rows = 0;
        bool wanted = false;
        foreach (Tensor part in parts)
        {
            wanted |= device.Tape.Wants(part);
            rows =
                part.Shape.Rank == 2 && part.Shape.Last == parts[0].Shape.Last && part.DType == parts[0].DType
                    ? checked(rows + part.Shape[0])
                    : throw new ArgumentException($"parts {parts[0].Shape} and {part.Shape} are not of one table", nameof(parts));
        }
        CheckIds(ids, rows);
        Tensor y = device.Rent(new Shape(ids.Shape[0], ids.Shape[1], parts[0].Shape.Last));
        EmbeddingKernels.Forward(parts, ids, y);
        if (wanted)
        {
            device.Tape.Record<PartsEmbeddingNode>(y).Set(parts, ids);
        }
        return y;
    }

    private static void CheckIds(Tensor ids, int vocabulary)
    {
        ReadOnlySpan<int> values = ids.Ints;
        for (int i = 0; i < values.Length; i++)
        {
            if ((uint)values[i] >= (uint)vocabulary)
            {
                throw new ArgumentException(
                    $"token {i} of the batch has id {values[i]}; ids must be 0 to {vocabulary - 1}, so use the tokenizer that belongs to this model",
                    nameof(ids)
                );
            }
        }
    }

    private sealed class EmbeddingNode : Node
    {
        private Tensor _weight = null!,
            _ids = null!;

        public void Set(Tensor weight, Tensor ids) => (_weight, _ids) = (weight, ids);

        internal override void Backward() => EmbeddingKernels.Backward(OutputGrad, _weight, _ids);

        internal override void Release() => (_weight, _ids) = (null!, null!);
    }

    private sealed class PartsEmbeddingNode : Node
    {
        private Tensor[] _parts = null!;
        private Tensor _ids = null!;

        public void Set(Tensor[] parts, Tensor ids) => (_parts, _ids) = (parts, ids);

        internal override void Backward() => EmbeddingKernels.Backward(OutputGrad, _parts, _ids);

        internal override void Release() => (_parts, _ids) = (null!, null!);
    }
}
