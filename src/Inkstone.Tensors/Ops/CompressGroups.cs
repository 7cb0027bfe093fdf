namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>One entry of each group of r tokens (DeepSeek-V4's compressors): their values, weighed by a softmax over the group that
    /// each channel has for itself.</summary>
    /// <remarks><code>
    /// forward   e_c = Σ_t softmax_t(gate_t + ape_(t mod r))_c · kv_(t,c)
    /// backward  dkv_t = p_t de        dgate_t = p_t (kv_t − e) de        dape_(t mod r) = Σ over groups of dgate_t
    /// </code>
    /// With twice as many channels as an entry has, the softmax runs over 2r tokens: the first half of the channels of the group before
    /// (none before the first), and the second half of the group itself.</remarks>
    /// <param name="kv">[B, T, W]</param>
    /// <param name="gate">[B, T, W]</param>
    /// <param name="ape">[r, W]</param>
    /// <param name="groups">which tokens; where it has floors, kv is [1, ΣT, W] and there is a ring</param>
    /// <param name="width">channels of an entry: W or W/2</param>
    /// <param name="ring">[slots, r·W/width, 2W]: values and gates of earlier tokens of each sequence, token t in row t mod their number;
    /// null: none</param>
    /// <returns>[B, E, width]; zeros behind the last entry of a row</returns>
    public static Tensor CompressGroups(Tensor kv, Tensor gate, Tensor ape, TokenGroups groups, int width, Tensor? ring = null)
    {
        int channels = kv.Shape.Last,
            halves = width > 0 ? channels / width : 0;
        Check.Same(kv, gate);
        if (
            halves is not (1 or 2)
            || halves * width != channels
            || ape.Count != (long)groups.Rate * channels
            || (ring is null) != (groups.Floors is null)
            || (ring is not null && (ring.Shape.Rank != 3 || ring.Shape[1] != groups.Rate * halves || ring.Shape[2] != 2 * channels))
        )
        {
            throw new ArgumentException(
                $"groups of {groups.Rate} tokens of {kv.Shape} with places {ape.Shape} and ring {ring?.Shape.ToString() ?? "none"} do not make entries of {width}",
                nameof(width)
            );
        }
        Device device = kv.Device;
        Tensor entries = device.Rent(new Shape(groups.Closing.Shape[0], groups.Closing.Shape[1], width));
        CompressKernels.Forward(kv, gate, ape, groups, ring, entries);
        if (device.Tape.Wants(kv, gate, ape))
        {
            if (ring is not null)
            {
                throw new ArgumentException("entries of sequences in a cache have no backward pass", nameof(ring));
            }
            device.Tape.Record<CompressGroupsNode>(entries).Set(kv, gate, ape, groups);
        }
        return entries;
    }

    /// <summary>Writes values and gates of new tokens into the rings of <see cref="CompressGroups"/>. Not recorded.</summary>
    public static void KeepInRing(Tensor kv, Tensor gate, Tensor ring, RaggedRows rows)
    {
        rows.Check(kv.Shape.Rows);
        rows.CheckSlots(ring, 2L * ring.Shape[1] * kv.Shape.Last);
        CompressKernels.Keep(kv, gate, ring, rows);
    }

    /// <summary>Writes entries where <see cref="TokenGroups.Targets"/> says, from a column of the cache's rows on. Not recorded.</summary>
    /// <param name="entries">[1, E, W]</param>
    /// <param name="store">[rows, ≥ from + W]</param>
    /// <param name="groups">of a cache</param>
    /// <param name="from">first column</param>
    public static void StoreEntries(Tensor entries, Tensor store, TokenGroups groups, int from = 0)
    {
        int width = entries.Shape.Last;
        for (int e = 0; e < groups.Closing.Count && groups.Closing.Ints[e] >= 0; e++)
        {
            int target = groups.Targets!.Ints[e];
            if ((uint)target >= (uint)store.Shape.Rows || from + width > store.Shape.Last)
            {
                throw new ArgumentException(
                    $"an entry of {width} numbers from column {from} of row {target} on does not fit {store.Shape}",
                    nameof(store)
                );
            }
            entries
                .Span.Slice(e * width, width)
                .CopyTo(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(store.RowBytes(target)).Slice(from, width));
        }
    }

    private sealed class CompressGroupsNode : Node
    {
        private Tensor _kv = null!,
            _gate = null!,
            _ape = null!;
        private TokenGroups _groups;

        public void Set(Tensor kv, Tensor gate, Tensor ape, TokenGroups groups) => (_kv, _gate, _ape, _groups) = (kv, gate, ape, groups);

        internal override void Backward() => CompressKernels.Backward(OutputGrad, _kv, _gate, _ape, _groups);

        internal override void Release() => (_kv, _gate, _ape, _groups) = (null!, null!, null!, default);
    }
}
