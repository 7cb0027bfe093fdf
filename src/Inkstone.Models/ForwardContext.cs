using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Everything a forward pass needs beside the tokens.</summary>
/// <param name="Positions">int32 [B, T]: each token's place in its document</param>
/// <param name="DocumentStarts">int32 [B, T]: index within the row of the first token of each token's document; null when a row is one document</param>
/// <param name="Cache">what the layers keep of the tokens before, or null</param>
/// <param name="Length">tokens of the whole text, where more are still to come; 0: those up to the last position. Some rotary tables depend on it</param>
public readonly record struct ForwardContext(Tensor Positions, Tensor? DocumentStarts = null, SequenceCache? Cache = null, int Length = 0)
{
    /// <summary>int32 [B, T]: 1 for tokens, 0 for padding, which no expert is asked for and no balance loss counts; null when there is none.</summary>
    public Tensor? AttentionMask { get; init; }

    /// <summary>How answers that share a prompt are laid out, where they do; the row is then a single one, and <see cref="DocumentStarts"/> is null.</summary>
    public SharedPrompts? Shared { get; init; }

    /// <summary>Rows that are one document each, from position 0.</summary>
    public static ForwardContext Rows(Device device, int batch, int length)
    {
        Tensor positions = device.Rent(new Shape(batch, length), DType.Int32);
        for (int i = 0; i < batch * length; i++)
        {
            positions.Ints[i] = i % length;
        }
        return new ForwardContext(positions);
    }

    /// <summary>Rows of several documents: attention stays inside each, positions begin again at each.</summary>
    public static ForwardContext Packed(Tensor documentStarts)
    {
        int length = documentStarts.Shape.Last;
        Tensor positions = documentStarts.Device.Rent(documentStarts.Shape, DType.Int32);
        Span<int> places = positions.Ints, starts = documentStarts.Ints;
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = i % length - starts[i];
        }
        return new ForwardContext(positions, documentStarts);
    }

    /// <summary>The next <paramref name="length"/> tokens after those in the cache.</summary>
    /// <param name="cache">what is held of the text</param>
    /// <param name="length">new tokens</param>
    /// <param name="whole">tokens of the whole text, where more are still to come</param>
    public static ForwardContext Next(SequenceCache cache, int length, int whole = 0)
    {
        Tensor positions = cache.Device.Rent(new Shape(1, length), DType.Int32);
        for (int i = 0; i < length; i++)
        {
            positions.Ints[i] = cache.Length + i;
        }
        return new ForwardContext(positions, null, cache, whole);
    }

    /// <summary>Rotates each head of x [B, T, H·D] by its token's position: see <see cref="Ops.Rope"/>.</summary>
    public Tensor Rope(Tensor x, int heads, RotaryTable table, int from = 0, bool interleaved = false) => Ops.Rope(x, heads, Positions, table, from, interleaved, Length);

    /// <summary>Attention of new tokens to themselves and to what the layer's cache holds: q [B, T, H·D], k and v [B, T, Hkv·D] → [B, T, H·Dv].</summary>
    /// <param name="layer">number of the layer</param>
    /// <param name="q">queries</param>
    /// <param name="k">keys</param>
    /// <param name="v">values</param>
    /// <param name="a">heads and rules</param>
    /// <param name="sinks">one more score of each head whose value is nothing, [H]; or null</param>
    public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionSpec a, Tensor? sinks = null)
    {
        if (Shared is { } shared)
        {
            return shared.Joined(Ops.Attention(shared.Apart(q), shared.Apart(k), shared.Apart(v), a.Heads, a.KeyValueHeads, a.Scale, shared.Starts, a.Window, a.SoftCap, sinks));
        }
        (k, v) = Cache?.Layer<KeyValueCache>(layer).Append(k, v) ?? (k, v);                     // [B, S, Hkv·D]
        return Ops.Attention(q, k, v, a.Heads, a.KeyValueHeads, a.Scale, DocumentStarts, a.Window, a.SoftCap, sinks);
    }
}
