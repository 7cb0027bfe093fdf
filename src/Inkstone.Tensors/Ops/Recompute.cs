namespace Inkstone.Tensors;

/// <summary>A part of a model that maps a tensor to another: what <see cref="Ops.Recompute"/> can run twice.</summary>
/// <typeparam name="TContext">what it needs beside the tensor</typeparam>
public interface IBlock<TContext>
    where TContext : struct
{
    /// <summary>The block's result.</summary>
    Tensor Forward(Tensor x, TContext context);
}

public static partial class Ops
{
    /// <summary>
    /// A block of which only the input is kept: the backward pass computes what is inside once more (arXiv:1604.06174). About a third more
    /// arithmetic;
    /// memory of one block instead of all. Results and gradients are bit for bit those of the block itself.
    /// </summary>
    /// <param name="block">must compute the same both times; what it hands out beside its result it gives to <see cref="Tape.AddSideOutput"/>, in
    /// the same order</param>
    /// <param name="x">its input</param>
    /// <param name="context">must live until the backward pass</param>
    /// <exception cref="ArgumentException">The block's result is not of its making, but its input or another tensor from
    /// outside.</exception>
    public static Tensor Recompute<TContext>(IBlock<TContext> block, Tensor x, TContext context)
        where TContext : struct
    {
        Tape tape = x.Device.Tape;
        if (!tape.Recording)
        {
            return block.Forward(x, context);
        }
        Arena arena = x.Device.Arena;
        int mark = arena.Mark,
            first = tape.HandedOut.Length;
        tape.Suspend();
        Tensor y = block.Forward(x, context),
            made = y.Source;
        tape.AddSideOutput(made);
        tape.Resume();
        if (!arena.IsSince(mark, made))
        {
            throw new ArgumentException(
                $"{block.GetType().Name} returns a tensor that it was given, or a view of one: there is nothing to compute again, call it directly",
                nameof(block)
            );
        }
        Shape shape = y.Shape;
        arena.ReleaseSince(mark, tape.HandedOut[first..]);
        tape.Record<RecomputeNode<TContext>>(made).Set(block, x, context, first..tape.HandedOut.Length);
        return made.View(shape);
    }

    private sealed class RecomputeNode<TContext> : Node
        where TContext : struct
    {
        private IBlock<TContext> _block = null!;
        private Tensor _x = null!;
        private TContext _context;
        private Range _handedOut; // on the tape; the last one is the output

        private ReadOnlySpan<Tensor> HandedOut => _x.Device.Tape.HandedOut[_handedOut];

        /// <summary>A gradient may come by what the block handed out alone.</summary>
        internal override bool IsReached
        {
            get
            {
                bool reached = false;
                foreach (Tensor made in HandedOut)
                {
                    reached |= made.Grad is not null;
                }
                return reached;
            }
        }

        public void Set(IBlock<TContext> block, Tensor x, TContext context, Range handedOut) =>
            (_block, _x, _context, _handedOut) = (block, x, context, handedOut);

        internal override void Backward()
        {
            Tape tape = _x.Device.Tape;
            int first = tape.Count;
            tape.BeginAgain(_handedOut.Start.Value);
            tape.AddSideOutput(_block.Forward(_x, _context).Source);
            tape.EndAgain(_handedOut.End.Value);
            tape.BackwardTo(first);
        }

        internal override void Release()
        {
            foreach (Tensor made in HandedOut[..^1])
            {
                made.Release();
            }
            (_block, _x, _context) = (null!, null!, default);
        }
    }
}
