namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.IndexerLoss"/>. Forward, a task is some queries; backward, a row of the batch, so that nobody
/// else adds to its keys.</summary>
internal static unsafe class IndexerLossKernels
{
    public static void Forward(
        SelectedSizes sizes,
        int block,
        Tensor q,
        Tensor keys,
        Tensor chosen,
        Tensor indexQ,
        Tensor weights,
        Tensor indexKeys,
        Tensor? logSum,
        Tensor losses,
        Tensor slopes
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("indexer_loss.forward", flops: sizes.Flops);
        device.Run(
            new ForwardKernel(
                sizes,
                block,
                q.F32,
                keys.F32,
                chosen.I32,
                new IndexScoreKernels.Scorer(indexQ, weights, indexKeys, 0, indexKeys.Shape.Last),
                logSum is null ? null : logSum.F32,
                losses.F32,
                slopes.F32,
                device.Workers
            ),
            sizes.Batch * sizes.Length,
            1
        );
    }

    public static void Backward(
        SelectedSizes sizes,
        int block,
        Tensor chosen,
        Tensor q,
        Tensor weights,
        Tensor keys,
        Tensor slopes,
        float gradient
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("indexer_loss.backward", flops: 3.0 * q.Count * sizes.Choices);
        device.Run(
            new BackwardKernel(
                sizes,
                block,
                chosen.I32,
                new IndexScoreKernels.Scorer(q, weights, keys, 0, keys.Shape.Last),
                q.F32,
                keys.F32,
                SelectedAttentionKernels.Sums(q),
                SelectedAttentionKernels.Sums(weights),
                SelectedAttentionKernels.Sums(keys),
                slopes.F32,
                weights.Shape.Last,
                keys.Shape.Last,
                gradient / (sizes.Batch * sizes.Length)
            ),
            sizes.Batch,
            1
        );
    }

    private readonly struct ForwardKernel(
        SelectedSizes n,
        int block,
        float* q,
        float* keys,
        int* chosen,
        IndexScoreKernels.Scorer scorer,
        float* logSum,
        float* losses,
        float* slopes,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* p = (float*)workers.Scratch(worker, sizeof(float) * 2L * n.Choices + Packing.SlackBytes),
                scores = p + n.Choices;
            for (int row = start; row < end; row++)
            {
                int* list = chosen + (long)row * n.Choices;
                float* slope = slopes + (long)row * n.Choices;
                int count = 0;
                while (count < n.Choices && list[count] >= 0)
                {
                    count++;
                }
                new Span<float>(p, n.Choices).Clear();
                for (int head = 0; head < n.Heads; head++)
                {
                    float* query = q + ((long)row * n.Heads + head) * n.KeyDim;
                    for (int i = 0; i < count; i++)
                    {
                        scores[i] =
                            n.Scale * Lanes.Dot(query, keys + ((long)list[i] * n.KeyValueHeads + head / n.Group) * n.KeyDim, n.KeyDim);
                    }
                    float sum = Lanes.ExpSum(
                        scores,
                        scores,
                        logSum == null ? Lanes.Max(scores, count) : logSum[(long)row * n.Heads + head],
                        count
                    );
                    Lanes.AddScaled(p, scores, logSum == null ? 1 / (sum * n.Heads) : 1, count);
                }
                count = block == 1 ? count : Blocks(p, count);
                float mass = logSum == null && block == 1 ? 1 : Lanes.Sum(p, count);
                losses[row] = 0;
                if (count == 0 || mass == 0) // nothing that an indexer could learn from
                {
                    new Span<float>(slope, count).Clear();
                    continue;
                }
                Lanes.Scale(p, p, 1 / mass, count);
                for (int i = 0; i < count; i++)
                {
                    scores[i] = scorer.Score(row, list[i * block + block - 1]);
                }
                float largest = Lanes.Max(scores, count);
                new ReadOnlySpan<float>(scores, count).CopyTo(new Span<float>(slope, count));
                float total = Lanes.ExpSum(slope, slope, largest, count),
                    log = largest + MathF.Log(total);
                double loss = 0;
                for (int i = 0; i < count; i++)
                {
                    loss += p[i] > 0 ? p[i] * (Math.Log(p[i]) - (scores[i] - log)) : 0;
                    slope[i] = slope[i] / total - p[i];
                }
                losses[row] = (float)loss;
            }
        }

        /// <summary>Probabilities of tokens become those of whole blocks; their number.</summary>
        private int Blocks(float* p, int tokens)
        {
            for (int i = 0; i < tokens / block; i++)
            {
                float sum = 0;
                for (int j = 0; j < block; j++)
                {
                    sum += p[i * block + j];
                }
                p[i] = sum;
            }
            return tokens / block;
        }
    }

    private readonly struct BackwardKernel(
        SelectedSizes n,
        int block,
        int* chosen,
        IndexScoreKernels.Scorer scorer,
        float* q,
        float* keys,
        float* dQ,
        float* dWeights,
        float* dKeys,
        float* slopes,
        int heads,
        int dim,
        float gradient
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float scale = 1 / MathF.Sqrt(dim),
                factor = 1 / MathF.Sqrt(heads);
            for (int row = start * n.Length; row < end * n.Length; row++)
            {
                int* list = chosen + (long)row * n.Choices;
                for (int i = 0; (i + 1) * block <= n.Choices && list[(i + 1) * block - 1] is >= 0 and int at; i++)
                {
                    float d = gradient * slopes[(long)row * n.Choices + i];
                    for (int j = 0; j < heads; j++)
                    {
                        float x = scorer.Product(row, j, at);
                        if (x <= 0)
                        {
                            continue;
                        }
                        long query = ((long)row * heads + j) * dim,
                            key = (long)at * dim;
                        float dx = d * scorer.Weight(row, j) * scale;
                        if (dWeights != null)
                        {
                            dWeights[(long)row * heads + j] += d * x * factor;
                        }
                        if (dQ != null)
                        {
                            Lanes.AddScaled(dQ + query, keys + key, dx, dim);
                        }
                        if (dKeys != null)
                        {
                            Lanes.AddScaled(dKeys + key, q + query, dx, dim);
                        }
                    }
                }
            }
        }
    }
}
