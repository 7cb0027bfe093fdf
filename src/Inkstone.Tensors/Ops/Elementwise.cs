using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>A function of one number, on 16 lanes at once. Its fields are constants of the function (a factor), so it is a value, not a set
/// of static methods.</summary>
internal interface IUnaryOperator
{
    /// <summary>The op's name in profiles.</summary>
    static abstract string Name { get; }

    /// <summary>y = f(x).</summary>
    Vector512<float> Forward(Vector512<float> x);

    /// <summary>dx = dy · f′(x), from whichever of x and y = f(x) is cheaper.</summary>
    Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y);
}

/// <summary>A function of two numbers, on 16 lanes at once.</summary>
internal interface IBinaryOperator
{
    /// <summary>The op's name in profiles.</summary>
    static abstract string Name { get; }

    /// <summary>y = f(a, b).</summary>
    Vector512<float> Forward(Vector512<float> a, Vector512<float> b);

    /// <summary>da = dy · ∂f/∂a and db = dy · ∂f/∂b.</summary>
    void Backward(Vector512<float> dy, Vector512<float> a, Vector512<float> b, out Vector512<float> da, out Vector512<float> db);
}

public static partial class Ops
{
    private static Tensor Unary<TOperator>(TOperator function, Tensor x)
        where TOperator : unmanaged, IUnaryOperator
    {
        Tensor y = x.Device.Rent(x.Shape);
        ElementwiseKernels.Forward(function, x, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<UnaryNode<TOperator>>(y).Set(function, x);
        }
        return y;
    }

    private static Tensor Binary<TOperator>(TOperator function, Tensor a, Tensor b, bool compact = false)
        where TOperator : unmanaged, IBinaryOperator
    {
        Check.Same(a, b);
        Tensor y = a.Device.RentResult(a.Shape, compact);
        ElementwiseKernels.Forward(function, a, b, y);
        if (a.Device.Tape.Wants(a, b))
        {
            a.Device.Tape.Record<BinaryNode<TOperator>>(y).Set(function, a, b);
        }
        return y;
    }

    /// <summary>
    /// Memory for an input's gradient when each of its elements depends on the same element of the output's gradient alone: the output's
    /// gradient itself where the input has none yet (no memory, no extra traffic), otherwise as <see cref="Tensor.AddGrad"/> gives it.
    /// </summary>
    private static Tensor TakeGrad(Tensor output, Tensor input, out bool accumulate)
    {
        if (output.Grad is { } gradient && input.TryMoveGrad(gradient))
        {
            output.ForgetGrad();
            accumulate = false;
            return gradient;
        }
        return input.AddCompactGrad(out accumulate);
    }

    private sealed class UnaryNode<TOperator> : Node
        where TOperator : unmanaged, IUnaryOperator
    {
        private TOperator _function;
        private Tensor _x = null!;

        public void Set(TOperator function, Tensor x) => (_function, _x) = (function, x);

        internal override void Backward()
        {
            Tensor dy = StoredOutputGrad,
                dx = TakeGrad(Output, _x, out bool accumulate);
            ElementwiseKernels.Backward(_function, dy, _x, Output, dx, accumulate);
        }

        internal override void Release() => _x = null!;
    }

    private sealed class BinaryNode<TOperator> : Node
        where TOperator : unmanaged, IBinaryOperator
    {
        private TOperator _function;
        private Tensor _a = null!,
            _b = null!;

        public void Set(TOperator function, Tensor a, Tensor b) => (_function, _a, _b) = (function, a, b);

        internal override void Backward()
        {
            Tensor dy = StoredOutputGrad;
            bool addA = false,
                addB = false;
            Tensor? da = _a.RequiresGrad ? TakeGrad(Output, _a, out addA) : null;
            Tensor? db = _b.RequiresGrad ? TakeGrad(Output, _b, out addB) : null;
            ElementwiseKernels.Backward(_function, dy, _a, _b, da, addA, db, addB);
        }

        internal override void Release() => (_a, _b) = (null!, null!);
    }
}
