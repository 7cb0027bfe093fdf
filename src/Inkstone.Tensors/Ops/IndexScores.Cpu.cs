namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.SelectKeys"/>.</summary>
internal static unsafe class IndexScoreKernels
{
    public static void Select(
        Tensor q,
        Tensor weights,
        Tensor keys,
        int from,
        int dim,
        VisibleKeys visible,
        int longest,
        int most,
        int block,
        Tensor chosen
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("select_keys", flops: 2.0 * q.Count * (longest / block));
        device.Run(
            new SelectKernel(
                new Scorer(q, weights, keys, from, dim),
                new Places(visible, keys.Shape.Rows),
                chosen.I32,
                chosen.Shape.Last,
                most,
                block,
                longest,
                device.Workers
            ),
            q.Shape.Rows,
            1
        );
    }

    /// <summary>Scores of keys for a query.</summary>
    internal readonly struct Scorer(Tensor q, Tensor weights, Tensor keys, int from, int dim)
    {
        private readonly int _heads = weights.Shape.Last,
            _stride = keys.Shape.Last;
        private readonly float* _q = q.F32,
            _weights = weights.F32,
            _keys = keys.F32 + from;
        private readonly float _scale = 1 / MathF.Sqrt(dim),
            _factor = 1 / MathF.Sqrt(weights.Shape.Last);

        public float Score(int row, int key)
        {
            float sum = 0;
            for (int j = 0; j < _heads; j++)
            {
                sum += Weight(row, j) * MathF.Max(0, Product(row, j, key));
            }
            return sum;
        }

        /// <summary>w_j / √n.</summary>
        public float Weight(int row, int j) => _weights[(long)row * _heads + j] * _factor;

        /// <summary>q_j · k / √D.</summary>
        public float Product(int row, int j, int key) =>
            _scale * Lanes.Dot(_q + ((long)row * _heads + j) * dim, _keys + (long)key * _stride, dim);
    }

    /// <summary>Where the keys that a query sees lie.</summary>
    private readonly struct Places(VisibleKeys visible, int rows)
    {
        private readonly int* _first = visible.First.I32,
            _count = visible.Count.I32,
            _tables = visible.Tables is null ? null : visible.Tables.I32;
        private readonly int _width = visible.Tables is null ? 0 : visible.Tables.Shape.Last,
            _blockKeys = visible.BlockKeys;

        public int Count(int row) => _count[row];

        public int Key(int row, int i)
        {
            int key =
                _tables == null ? _first[row] + i : _tables[(long)_first[row] * _width + i / _blockKeys] * _blockKeys + i % _blockKeys;
            return (uint)key < (uint)rows ? key : throw new ArgumentException($"token {i} of query {row} lies at {key} of {rows} keys");
        }
    }

    private readonly struct SelectKernel(
        Scorer scorer,
        Places places,
        int* chosen,
        int width,
        int most,
        int block,
        int longest,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* scores = (float*)workers.Scratch(worker, sizeof(float) * 2L * longest + Packing.SlackBytes),
                sorted = scores + longest;
            for (int row = start; row < end; row++)
            {
                int tokens = places.Count(row),
                    count = tokens / block,
                    taken = 0;
                int* list = chosen + (long)row * width;
                float least = float.NegativeInfinity;
                int equal = count; // of those that score as the least one chosen, how many are chosen
                if (count > most)
                {
                    for (int i = 0; i < count; i++)
                    {
                        scores[i] = scorer.Score(row, places.Key(row, i * block + block - 1)) is var score && score == 0 ? 0 : score; // −0 is 0
                    }
                    new ReadOnlySpan<float>(scores, count).CopyTo(new Span<float>(sorted, count));
                    new Span<float>(sorted, count).Sort();
                    least = sorted[count - most];
                    equal = most;
                    for (int i = count - 1; i >= 0 && sorted[i] > least; i--)
                    {
                        equal--;
                    }
                }
                for (int i = 0; i < count; i++)
                {
                    bool all = count <= most,
                        above = all || scores[i] > least;
                    if (above || (scores[i] == least && equal-- > 0))
                    {
                        for (int token = i * block; token < (i + 1) * block; token++)
                        {
                            list[taken++] = places.Key(row, token);
                        }
                    }
                }
                for (int token = count * block; token < tokens; token++)
                {
                    list[taken++] = places.Key(row, token);
                }
                new Span<int>(list + taken, width - taken).Fill(-1);
            }
        }
    }
}
