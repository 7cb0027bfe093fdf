using System.Buffers;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>
/// Vectors of the last tokens together: each table hashes an n-gram to a row (hash embeddings, arXiv:1709.03933). Going back from a token,
/// everything
/// from the first end of a text on counts as that end, and so does what is before the first token.
/// </summary>
/// <remarks><code>h = ⊕_(j &lt; g) token_(−j) · factor_j        row of table i = h mod size_i + offset_i        g = 2 … n, some tables
/// each</code></remarks>
internal sealed class NgramEmbedding
{
    private readonly NgramSpec _spec;
    private readonly int _layer;
    private readonly long[] _factors,
        _sizes,
        _offsets;
    private readonly Tensor[] _parts;

    /// <summary>Builds the tables of the layer at <paramref name="s"/>.</summary>
    public NgramEmbedding(NgramSpec spec, int layer, Scope s)
    {
        (_spec, _layer) = (spec, layer);
        int ordinal = Array.IndexOf(spec.Layers, layer),
            width = spec.Width / spec.Heads;
        _factors = s.LongIntegers("layer_multipliers", spec.Multipliers(ordinal));
        _sizes = s.LongIntegers("ngram_heads_vocab_sizes", spec.TableSizes(ordinal));
        _offsets = s.LongIntegers("ngram_heads_offsets", Sums(_sizes));
        Scope table = s["ngram_embedding"];
        _parts = [.. Parts(table).Select((rows, i) => table[$"shard_{i}"].Parameter("weight", new Shape(rows, width), Initial.Normal))];
        long total = _parts.Sum(part => (long)part.Shape[0]);
        for (int i = 0; i < _sizes.Length; i++)
        {
            if (_sizes[i] <= 0 || _offsets[i] < 0 || _offsets[i] > total - _sizes[i])
            {
                throw new InvalidDataException(
                    $"{s.Path}: table {i} has rows {_offsets[i]} to {_offsets[i] + _sizes[i] - 1} of {total}; the lists of its checkpoint do not fit its tables."
                );
            }
        }
    }

    /// <summary>Share of rows that a token asks for.</summary>
    public double ActiveShare => _spec.Heads / (double)_parts.Sum(part => (long)part.Shape[0]);

    /// <summary>[B, T, E] of the tokens of a step.</summary>
    public Tensor Forward(ForwardContext ctx)
    {
        Tensor ids = ctx.Ids ?? throw new InvalidOperationException("n-grams need the tokens themselves");
        (int batch, int length) = (ids.Shape[0], ids.Shape[1]);
        Tensor rows = ids.Device.Rent(new Shape(batch, checked(length * _spec.Heads)), DType.Int32);
        int count = batch * length;
        int[] tokens = ArrayPool<int>.Shared.Rent(count),
            starts = ArrayPool<int>.Shared.Rent(count),
            found = ArrayPool<int>.Shared.Rent(count * _spec.Heads);
        ids.CopyTo(tokens.AsSpan(0, count));
        if (ctx.Batch is { } sequences)
        {
            Continue(sequences, tokens, found);
        }
        else
        {
            starts.AsSpan(0, count).Clear();
            ctx.DocumentStarts?.CopyTo(starts.AsSpan(0, count));
            for (int row = 0; row < batch; row++)
            {
                Hash(tokens.AsSpan(row * length, length), starts.AsSpan(row * length, length), found.AsSpan(row * length * _spec.Heads));
            }
        }
        rows.CopyFrom(found.AsSpan(0, count * _spec.Heads));
        ArrayPool<int>.Shared.Return(tokens);
        ArrayPool<int>.Shared.Return(starts);
        ArrayPool<int>.Shared.Return(found);
        return Ops.Embedding(_parts, rows).View(new Shape(batch, length, _spec.Width)); // [B, T·H, E/H]
    }

    /// <summary>Sequences that go on from earlier tokens, of which a slot holds the last: id + 1, 0 where there was none.</summary>
    private void Continue(SequenceBatch batch, int[] tokens, int[] found)
    {
        int kept = _spec.Size - 1;
        Tensor history = batch.Cache.Layer<NgramDeltaCache>(_layer).Tokens; // [slots, n − 1]
        int[] line = ArrayPool<int>.Shared.Rent(kept + batch.Tokens),
            none = ArrayPool<int>.Shared.Rent(kept + batch.Tokens);
        int[] rows = ArrayPool<int>.Shared.Rent((kept + batch.Tokens) * _spec.Heads);
        none.AsSpan().Clear();
        for (int i = 0; i < batch.Count; i++)
        {
            int first = batch.Starts[i],
                count = batch.Starts[i + 1] - first,
                slot = batch.Slot(i);
            history.CopyTo(line.AsSpan(0, kept), (long)slot * kept);
            for (int j = 0; j < kept; j++)
            {
                line[j] = line[j] == 0 ? _spec.End : line[j] - 1;
            }
            tokens.AsSpan(first, count).CopyTo(line.AsSpan(kept));
            Hash(line.AsSpan(0, kept + count), none.AsSpan(0, kept + count), rows);
            rows.AsSpan(kept * _spec.Heads, count * _spec.Heads).CopyTo(found.AsSpan(first * _spec.Heads));
            for (int j = 0; j < kept + count; j++)
            {
                line[j]++;
            }
            ReadOnlySpan<int> trail = batch.TrailOf(i);
            for (int back = trail.Length; back >= 0; back--)
            {
                int to = back == trail.Length ? slot : trail[^(back + 1)];
                history.CopyFrom(line.AsSpan(count - back, kept), (long)to * kept);
            }
        }
        ArrayPool<int>.Shared.Return(line);
        ArrayPool<int>.Shared.Return(none);
        ArrayPool<int>.Shared.Return(rows);
    }

    /// <summary>The row of every table for every token of a line, of which each knows where its document begins.</summary>
    private void Hash(ReadOnlySpan<int> tokens, ReadOnlySpan<int> starts, Span<int> rows)
    {
        for (int t = 0; t < tokens.Length; t++)
        {
            long h = tokens[t] * _factors[0];
            bool ended = false; // an end of text itself is still an n-gram with what it ends
            for (int j = 1; j < _spec.Size; j++)
            {
                ended |= t - j < starts[t] || tokens[t - j] == _spec.End;
                h ^= unchecked((ended ? _spec.End : tokens[t - j]) * _factors[j]);
                for (int i = (j - 1) * _spec.HeadsEach; i < j * _spec.HeadsEach; i++)
                {
                    long place = h % _sizes[i];
                    rows[t * _spec.Heads + i] = (int)((place < 0 ? place + _sizes[i] : place) + _offsets[i]);
                }
            }
        }
    }

    /// <summary>Rows of each tensor: as the checkpoint has them, or as a new model's.</summary>
    private List<int> Parts(Scope table)
    {
        List<int> stored = [];
        while (table[$"shard_{stored.Count}"].Rows("weight") is { } rows)
        {
            stored.Add(rows);
        }
        return stored.Count > 0 ? stored : [.. _spec.PartSizes(_sizes.Sum())];
    }

    private static long[] Sums(long[] sizes) => [.. sizes.Select((_, i) => sizes.Take(i).Sum())];
}
