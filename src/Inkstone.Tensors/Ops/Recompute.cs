namespace Inkstone.Tensors;

/// <summary>A part of a model that maps a tensor to another: what <see cref="Ops.Recompute"/> can run twice.</summary>
/// <typeparam name="TContext">what it needs beside the tensor</typeparam>
public interface IBlock<TContext> where TContext : struct
{
    /// <summary>The block's result.</summary>
    Tensor Forward(Tensor x, TContext context);
}

public static partial class Ops
{
    /// <summary>
    /// A block of which only the input is kept: the backward pass computes what is inside once more (arXiv:1604.06174). About a third more arithmetic;
    /// memory of one block instead of all. Results and gradients are bit for bit those of the block itself.
    /// </summary>
    /// <param name="block">must compute the same both times, and hand nothing out but its result</param>
    /// <param name="x">its input</param>
    /// <param name="context">must live until the backward pass</param>
    public static Tensor Recompute<TContext>(IBlock<TContext> block, Tensor x, TContext context) where TContext : struct
    {
        Tape tape = x.Device.Tape;
        if (!tape.Recording)
        {
            return block.Forward(x, context);
        }
        int mark = x.Device.Arena.Mark;
        tape.Suspend();
        Tensor y = block.Forward(x, context);
        tape.Resume();
        x.Device.Arena.ReleaseSince(mark, y);
        tape.Record<RecomputeNode<TContext>>(y).Set(block, x, context);
        return y;
    }

    private sealed class RecomputeNode<TContext> : Node where TContext : struct
    {
        private IBlock<TContext> _block = null!;
        private Tensor _x = null!;
        private TContext _context;

        public void Set(IBlock<TContext> block, Tensor x, TContext context) => (_block, _x, _context) = (block, x, context);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            Tape tape = _x.Device.Tape;
            int first = tape.Count;
            Tensor y = _block.Forward(_x, _context);
            if (y.TryMoveGrad(dy))
            {
                Output.ForgetGrad();
            }
            else
            {
                AddKernels.Accumulate(dy, y);
            }
            tape.BackwardTo(first);
        }

        internal override void Release() => (_block, _x, _context) = (null!, null!, default);
    }
}
