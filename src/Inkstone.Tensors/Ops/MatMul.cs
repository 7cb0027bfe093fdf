namespace Inkstone.Tensors;

public static unsafe partial class Ops
{
    /// <summary>C = op(A) · op(B) (+ C): a plain product of matrices, not recorded. Optimizers and benchmarks use it; models use
    /// <see cref="Linear"/>.</summary>
    /// <param name="a">[M, K], or [K, M] when transposed</param>
    /// <param name="transposeA">use Aᵀ</param>
    /// <param name="b">[K, N], or [N, K] when transposed</param>
    /// <param name="transposeB">use Bᵀ</param>
    /// <param name="c">[M, N], overwritten</param>
    /// <param name="accumulate">add to C instead</param>
    public static void MatMul(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor c, bool accumulate = false)
    {
        MatrixView left = transposeA ? MatrixView.Of(a).T : MatrixView.Of(a);
        MatrixView right = transposeB ? MatrixView.Of(b).T : MatrixView.Of(b);
        int m = transposeA ? a.Shape.Last : a.Shape.Rows,
            k = transposeA ? a.Shape.Rows : a.Shape.Last;
        int n = transposeB ? b.Shape.Rows : b.Shape.Last,
            inner = transposeB ? b.Shape.Last : b.Shape.Rows;
        if (k != inner || c.Shape.Rows != m || c.Shape.Last != n)
        {
            throw new ArgumentException(
                $"matrix product of {a.Shape}{(transposeA ? "ᵀ" : "")} and {b.Shape}{(transposeB ? "ᵀ" : "")} does not fit a result of {c.Shape}"
            );
        }
        using Profile.Scope _ = a.Device.Measure("matmul", flops: 2.0 * m * n * k);
        float* target = c.F32;
        Inkstone.Tensors.MatMul.Run(a.Device, left, right, m, n, k, target, n, accumulate ? target : null, n);
    }
}
