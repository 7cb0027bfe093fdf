namespace Inkstone.Tensors;

/// <summary>Which of the tokens of a row [1, ΣT] belong to which sequence, and where caches hold what came before them.</summary>
/// <param name="Starts">int32 [N + 1]: sequence i has the tokens [starts_i, starts_(i+1)); at least one each</param>
/// <param name="Past">int32 [N]: tokens of each sequence that caches hold already</param>
/// <param name="Slots">int32 [N]: where each sequence's state lies, for layers whose memory does not grow</param>
/// <param name="Trail">int32 [N, G]: where the states behind each of a sequence's last tokens go, the ones that it may take back; −1 where
/// it has fewer such tokens. The state before all of them then is the one at <paramref name="Slots"/>. Null: no sequence has
/// any</param>
public readonly record struct RaggedRows(Tensor Starts, Tensor Past, Tensor Slots, Tensor? Trail = null)
{
    /// <summary>Tokens of a block of a paged cache: one vector of keys.</summary>
    public const int BlockTokens = 16;

    /// <summary>Number of sequences.</summary>
    public int Count => (int)Past.Count;

    /// <summary>Slots of the states behind the last tokens of a sequence, as many as it may take back.</summary>
    internal unsafe ReadOnlySpan<int> TrailOf(int sequence)
    {
        if (Trail is null)
        {
            return [];
        }
        int width = Trail.Shape.Last;
        ReadOnlySpan<int> row = new(Trail.I32 + (long)sequence * width, width);
        int none = row.IndexOf(-1);
        return none < 0 ? row : row[..none];
    }

    /// <summary>Throws where the sequences do not fill a row of <paramref name="tokens"/> tokens.</summary>
    internal unsafe void Check(int tokens)
    {
        int* starts = Starts.I32;
        bool fits = Count > 0 && Starts.Count == Count + 1 && Slots.Count == Count && starts[0] == 0 && starts[Count] == tokens;
        for (int i = 0; i < Count && fits; i++)
        {
            fits = starts[i + 1] > starts[i] && Past.I32[i] >= 0;
        }
        if (!fits)
        {
            throw new ArgumentException(
                $"{Count} sequences with starts {Starts.Shape} do not fill a row of {tokens} tokens one behind the other",
                nameof(tokens)
            );
        }
    }

    /// <summary>Throws where a sequence's slot is not one of <paramref name="state"/>, which holds <paramref name="each"/> numbers for
    /// each.</summary>
    internal unsafe void CheckSlots(Tensor state, long each)
    {
        for (int i = 0; i < Count; i++)
        {
            if (state.Count != each * state.Shape[0] || (uint)Slots.I32[i] >= (uint)state.Shape[0])
            {
                throw new ArgumentException(
                    $"sequence {i} has slot {Slots.I32[i]} of a state {state.Shape}, which needs {each} numbers for each",
                    nameof(state)
                );
            }
            ReadOnlySpan<int> trail = TrailOf(i);
            if (trail.Length >= Starts.I32[i + 1] - Starts.I32[i] || trail.ContainsAnyExceptInRange(0, state.Shape[0] - 1))
            {
                throw new ArgumentException(
                    $"sequence {i} cannot keep its last states in slots {string.Join(", ", trail.ToArray())}",
                    nameof(state)
                );
            }
        }
    }

    /// <summary>Throws where a block that holds tokens [from, past + new) of a sequence is not one of <paramref name="blocks"/>.</summary>
    /// <param name="tables">int32 [N, M]: block of each sixteen tokens of a sequence</param>
    /// <param name="blocks">of the store</param>
    /// <param name="window">tokens that a new one sees, itself included; only these must be there</param>
    internal unsafe void CheckBlocks(Tensor tables, int blocks, int window)
    {
        if (tables.Shape.Rank != 2 || tables.Shape[0] != Count)
        {
            throw new ArgumentException($"tables of blocks are [{Count}, M], not {tables.Shape}", nameof(tables));
        }
        for (int i = 0; i < Count; i++)
        {
            int past = Past.I32[i],
                end = past + Starts.I32[i + 1] - Starts.I32[i],
                first = (int)Math.Max(0, past - (long)window + 1) / BlockTokens,
                last = (end - 1) / BlockTokens;
            for (int block = first; block <= last; block++)
            {
                if (block >= tables.Shape[1] || (uint)tables.I32[(long)i * tables.Shape[1] + block] >= (uint)blocks)
                {
                    throw new ArgumentException(
                        $"sequence {i} of {end} tokens has no block of {blocks} for tokens {block * BlockTokens} to {block * BlockTokens + BlockTokens - 1}",
                        nameof(tables)
                    );
                }
            }
        }
    }
}
