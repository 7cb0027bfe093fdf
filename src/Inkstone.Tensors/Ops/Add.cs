using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Elementwise sum of two tensors of one shape.</summary>
    /// <remarks><code>
    /// forward   y  = a + b
    /// backward  da = dy            db = dy
    /// </code></remarks>
    public static Tensor Add(Tensor a, Tensor b)
    {
        Check.Same(a, b);
        Tensor y = a.Device.Rent(a.Shape);
        ElementwiseKernels.Forward(default(AddOperator), a, b, y);
        if (a.Device.Tape.Wants(a, b))
        {
            a.Device.Tape.Record<AddNode>(y).Set(a, b);
        }
        return y;
    }

    private sealed class AddNode : Node
    {
        private Tensor _a = null!,
            _b = null!;

        public void Set(Tensor a, Tensor b) => (_a, _b) = (a, b);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            if (_b.RequiresGrad && _a.RequiresGrad) // two owners: one gets a copy (or a sum), the other the gradient itself
            {
                AddKernels.Accumulate(dy, _b);
            }
            Tensor last = _a.RequiresGrad ? _a : _b;
            if (last.TryMoveGrad(dy))
            {
                Output.ForgetGrad();
            }
            else
            {
                AddKernels.Accumulate(dy, last);
            }
        }

        internal override void Release() => (_a, _b) = (null!, null!);
    }

    internal readonly struct AddOperator : IBinaryOperator
    {
        public static string Name => "add";

        public Vector512<float> Forward(Vector512<float> a, Vector512<float> b) => a + b;

        public void Backward(
            Vector512<float> dy,
            Vector512<float> a,
            Vector512<float> b,
            out Vector512<float> da,
            out Vector512<float> db
        ) => (da, db) = (dy, dy);
    }
}
