namespace Inkstone.Tensors;

/// <summary>Groups of r tokens of each document or sequence, counted from its first token, of which each makes one entry when its last
/// token is there; and what tokens see of the entries.</summary>
/// <param name="Rate">r</param>
/// <param name="Closing">int32 [B, E]: row of each group's last token; −1 behind the last entry of a row of the batch</param>
/// <param name="Positions">int32 [B, E]: place of each group's first token in its document</param>
/// <param name="Visible">entries that each token sees: those of its own document that are complete with itself</param>
/// <param name="Floors">int32 [E]: first row of each group's sequence, before which tokens are in a ring of earlier ones; null: all tokens
/// are here</param>
/// <param name="Slots">int32 [E]: where the ring lies</param>
/// <param name="Targets">int32 [E]: row of a cache where each entry belongs</param>
public readonly record struct TokenGroups(
    int Rate,
    Tensor Closing,
    Tensor Positions,
    VisibleKeys Visible,
    Tensor? Floors = null,
    Tensor? Slots = null,
    Tensor? Targets = null
)
{
    /// <summary>Groups of rows whose documents are whole.</summary>
    /// <param name="positions">int32 [B, T]: each token's place in its document</param>
    /// <param name="rate">r</param>
    public static TokenGroups Create(Tensor positions, int rate)
    {
        (int batch, int length) = (positions.Shape[0], positions.Shape[1]);
        int most = 1;
        for (int b = 0; b < batch; b++)
        {
            int closed = 0;
            foreach (int position in positions.Ints.Slice(b * length, length))
            {
                closed += (position + 1) % rate == 0 ? 1 : 0;
            }
            most = Math.Max(most, closed);
        }
        Device device = positions.Device;
        Tensor closing = device.Rent(new Shape(batch, most), DType.Int32),
            starts = device.Rent(closing.Shape, DType.Int32);
        Tensor first = device.Rent(new Shape(batch * length), DType.Int32),
            count = device.Rent(first.Shape, DType.Int32);
        closing.Ints.Fill(-1);
        starts.Ints.Clear();
        for (int b = 0; b < batch; b++)
        {
            int closed = 0,
                document = 0;
            for (int t = b * length; t < (b + 1) * length; t++)
            {
                int position = positions.Ints[t];
                document = position == 0 ? closed : document;
                if ((position + 1) % rate == 0)
                {
                    (closing.Ints[b * most + closed], starts.Ints[b * most + closed]) = (t, position + 1 - rate);
                    closed++;
                }
                (first.Ints[t], count.Ints[t]) = (b * most + document, (position + 1) / rate);
            }
        }
        return new TokenGroups(rate, closing, starts, new VisibleKeys(first, count));
    }

    /// <summary>Groups that new tokens of sequences complete.</summary>
    /// <param name="rows">the sequences</param>
    /// <param name="tables">int32 [N, M]: blocks of a cache of entries</param>
    /// <param name="blockEntries">entries of a block</param>
    /// <param name="rate">r</param>
    public static TokenGroups Create(RaggedRows rows, Tensor tables, int blockEntries, int rate)
    {
        Device device = rows.Starts.Device;
        int total = rows.Starts.Ints[rows.Count],
            entries = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            int past = rows.Past.Ints[i],
                held = past + rows.Starts.Ints[i + 1] - rows.Starts.Ints[i];
            entries += held / rate - past / rate;
        }
        Tensor first = device.Rent(new Shape(total), DType.Int32),
            count = device.Rent(first.Shape, DType.Int32);
        Shape shape = new(1, Math.Max(1, entries));
        Tensor closing = device.Rent(shape, DType.Int32),
            starts = device.Rent(shape, DType.Int32),
            floors = device.Rent(shape, DType.Int32),
            slots = device.Rent(shape, DType.Int32),
            targets = device.Rent(shape, DType.Int32);
        closing.Ints.Fill(-1);
        starts.Ints.Clear();
        int e = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            for (int row = rows.Starts.Ints[i]; row < rows.Starts.Ints[i + 1]; row++)
            {
                int position = rows.Past.Ints[i] + row - rows.Starts.Ints[i],
                    group = position / rate;
                (first.Ints[row], count.Ints[row]) = (i, (position + 1) / rate);
                if ((position + 1) % rate == 0)
                {
                    (closing.Ints[e], starts.Ints[e], floors.Ints[e], slots.Ints[e]) = (
                        row,
                        group * rate,
                        rows.Starts.Ints[i],
                        rows.Slots.Ints[i]
                    );
                    targets.Ints[e++] = tables.Ints[i * tables.Shape.Last + group / blockEntries] * blockEntries + group % blockEntries;
                }
            }
        }
        return new TokenGroups(rate, closing, starts, new VisibleKeys(first, count, tables, blockEntries), floors, slots, targets);
    }
}
