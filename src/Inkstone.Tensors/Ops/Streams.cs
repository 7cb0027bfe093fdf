namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>The same vector in each of n residual streams: [..., D] → [..., n·D].</summary>
    /// <remarks><code>
    /// forward   X_i = x
    /// backward  dx  = Σ_i dX_i
    /// </code></remarks>
    /// <param name="x">[..., D]</param>
    /// <param name="streams">n</param>
    public static Tensor SpreadStreams(Tensor x, int streams)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        Tensor y = x.Device.Rent(x.Shape.WithLast(checked(streams * x.Shape.Last)));
        StreamKernels.Spread(x, streams, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<SpreadStreamsNode>(y).Set(x, streams);
        }
        return y;
    }

    /// <summary>What a layer reads of n residual streams: their sum with weights of each token, or their mean.</summary>
    /// <remarks><code>
    /// forward   u = Σ_i w_i X_i        without weights w_i = 1/n
    /// backward  dX_i = w_i du        dw_i = X_i · du
    /// </code></remarks>
    /// <param name="x">X, [..., n·D]</param>
    /// <param name="streams">n</param>
    /// <param name="weights">[..., ≥ from + n]; null: the mean</param>
    /// <param name="from">column of w_0</param>
    /// <returns>[..., D]</returns>
    public static Tensor StreamSum(Tensor x, int streams, Tensor? weights = null, int from = 0)
    {
        CheckStreams(x, streams);
        CheckWeights(x, weights, from, streams);
        Tensor u = x.Device.Rent(x.Shape.WithLast(x.Shape.Last / streams));
        StreamKernels.Sum(x, streams, weights, from, u);
        if (x.Device.Tape.Wants(x, weights ?? x))
        {
            x.Device.Tape.Record<StreamSumNode>(u).Set(x, streams, weights, from);
        }
        return u;
    }

    /// <summary>n residual streams after a layer: each takes the layer's result with a weight of its own, and they may be mixed with one
    /// another.</summary>
    /// <remarks><code>
    /// forward   Y_k = w_k y + Σ_j M[j,k] X_j        without a matrix Y_k = w_k y + X_k
    /// backward  dX_j = Σ_k M[j,k] dY_k        dy = Σ_k w_k dY_k        dw_k = y · dY_k        dM[j,k] = X_j · dY_k
    /// </code></remarks>
    /// <param name="x">X, [..., n·D]</param>
    /// <param name="y">[..., D]</param>
    /// <param name="streams">n</param>
    /// <param name="weights">[..., ≥ from + n], of which row and column r belong to row r of x</param>
    /// <param name="from">column of w_0</param>
    /// <param name="mix">column of M[0,0], whose rows follow one another; null: streams stay as they are</param>
    /// <returns>[..., n·D]</returns>
    public static Tensor StreamUpdate(Tensor x, Tensor y, int streams, Tensor weights, int from = 0, int? mix = null)
    {
        CheckStreams(x, streams);
        Check.Count(y, x.Count / streams);
        CheckWeights(x, weights, from, streams);
        CheckWeights(x, weights, mix ?? 0, mix is null ? 0 : streams * streams);
        Tensor updated = x.Device.Rent(x.Shape);
        StreamKernels.Update(new StreamParts(streams, from, mix ?? -1), x, y, weights, updated);
        if (x.Device.Tape.Wants(x, y, weights))
        {
            x.Device.Tape.Record<StreamUpdateNode>(updated).Set(new StreamParts(streams, from, mix ?? -1), x, y, weights);
        }
        return updated;
    }

    private static void CheckStreams(Tensor x, int streams)
    {
        if (streams < 1 || x.Shape.Last % streams != 0)
        {
            throw new ArgumentException($"x of shape {x.Shape} does not hold {streams} streams", nameof(streams));
        }
    }

    private static void CheckWeights(Tensor x, Tensor? weights, int from, int count)
    {
        if (weights is not null && (weights.Shape.Rows != x.Shape.Rows || from < 0 || from + count > weights.Shape.Last))
        {
            throw new ArgumentException(
                $"{weights.Shape} has no {count} weights from column {from} on for each row of {x.Shape}",
                nameof(weights)
            );
        }
    }

    private sealed class SpreadStreamsNode : Node
    {
        private Tensor _x = null!;
        private int _streams;

        public void Set(Tensor x, int streams) => (_x, _streams) = (x, streams);

        internal override void Backward() => StreamKernels.SpreadBackward(OutputGrad, _streams, _x);

        internal override void Release() => _x = null!;
    }

    private sealed class StreamSumNode : Node
    {
        private Tensor _x = null!;
        private Tensor? _weights;
        private int _streams,
            _from;

        public void Set(Tensor x, int streams, Tensor? weights, int from) => (_x, _streams, _weights, _from) = (x, streams, weights, from);

        internal override void Backward() => StreamKernels.SumBackward(OutputGrad, _x, _streams, _weights, _from);

        internal override void Release() => (_x, _weights) = (null!, null);
    }

    private sealed class StreamUpdateNode : Node
    {
        private Tensor _x = null!,
            _y = null!,
            _weights = null!;
        private StreamParts _parts;

        public void Set(StreamParts parts, Tensor x, Tensor y, Tensor weights) => (_parts, _x, _y, _weights) = (parts, x, y, weights);

        internal override void Backward()
        {
            Tensor updated = OutputGrad;
            StreamKernels.UpdateBackward(_parts, updated, _x, _y, _weights);
            if (_parts.Mixes || !_x.RequiresGrad)
            {
                return;
            }
            if (_x.TryMoveGrad(updated))
            {
                Output.ForgetGrad();
            }
            else
            {
                AddKernels.Accumulate(updated, _x);
            }
        }

        internal override void Release() => (_x, _y, _weights) = (null!, null!, null!);
    }
}

/// <summary>Where the weights of n streams lie: w from column From on, the matrix from column Mix on; −1: there is none.</summary>
internal readonly record struct StreamParts(int Streams, int From, int Mix)
{
    public bool Mixes => Mix >= 0;
}
