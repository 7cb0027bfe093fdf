using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>
/// Momentum whose update is brought near the closest orthogonal matrix by Newton–Schulz iterations (Jordan et al., 2024, "Muon: an
/// optimizer for
/// hidden layers in neural networks"), with the rules of torch.optim.Muon. For the matrices inside the blocks; everything else is AdamW's.
/// </summary>
/// <remarks><code>
/// m ← µ m + (1 − µ) g        u = (1 − µ) g + µ m        X = u / ‖u‖
/// repeat:  A = X Xᵀ    X ← a X + (b A + c A²) X        w ← w · (1 − rate · decay) − rate · √max(1, rows/columns) · X
/// </code>For tall matrices A is Xᵀ X and stands on the right, which is the same product with the smaller A.</remarks>
public sealed class Muon : IOptimizer
{
    private const float A = 3.4445f,
        B = -4.775f,
        C = 2.0315f;
    private const double SmallestNorm = 1e-7;

    private readonly Parameters _parameters;
    private readonly Tensor[] _momentum;
    private readonly Dictionary<Shape, Workspace> _workspaces = [];
    private readonly MuonSettings _settings;

    /// <summary>An optimizer of matrices, with zero momentum.</summary>
    public Muon(Parameters matrices, MuonSettings settings)
    {
        (_parameters, _settings) = (matrices, settings.Validate());
        foreach (Parameter p in matrices)
        {
            if (p.Tensor.Shape.Rank != 2)
            {
                throw new ArgumentException($"Muon is for matrices, \"{p.Name}\" is {p.Tensor.Shape}; give it to AdamW.", nameof(matrices));
            }
            _workspaces.TryAdd(p.Tensor.Shape, new Workspace(p.Tensor));
        }
        _momentum = [.. matrices.Select(p => Tensor.Allocate(p.Tensor.Device, p.Tensor.Shape))];
    }

    /// <inheritdoc/>
    public long StepCount { get; set; }

    /// <inheritdoc/>
    public IEnumerable<Parameter> State => _parameters.Select((p, i) => new Parameter($"momentum_buffer.{p.Name}", _momentum[i]));

    /// <summary>Whether a parameter is one of the matrices inside the blocks; tables of n-grams are embeddings.</summary>
    public static bool Takes(Parameter p) =>
        p.Tensor.Shape.Rank == 2
        && $".{p.Name}".Contains(".layers.", StringComparison.Ordinal)
        && p.Name.EndsWith(".weight", StringComparison.Ordinal)
        && !p.Name.Contains(".ngram_embedding.", StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Step(double multiple, double gradientScale = 1)
    {
        StepCount++;
        double rate = _settings.Rate * multiple;
        for (int i = 0; i < _parameters.Count; i++)
        {
            Tensor w = _parameters[i].Tensor;
            if (w.Grad is { } gradient)
            {
                Tensor update = Orthogonal(gradient, _momentum[i], _workspaces[w.Shape], (float)gradientScale);
                double adjusted = rate * Math.Sqrt(Math.Max(1.0, (double)w.Shape[0] / w.Shape[1]));
                Ops.Blend(w, (float)(1 - rate * _settings.WeightDecay), update, (float)-adjusted);
            }
        }
    }

    private Tensor Orthogonal(Tensor gradient, Tensor momentum, Workspace space, float gradientScale)
    {
        float mu = (float)_settings.Momentum,
            fresh = (1 - mu) * gradientScale;
        (Tensor x, Tensor next) = (space.X, space.Next);
        Ops.Blend(momentum, mu, gradient, fresh);
        Ops.Blend(x, 0, gradient, fresh);
        Ops.Blend(x, 1, momentum, mu);
        Ops.Blend(x, 0, x, (float)(1 / Math.Max(Math.Sqrt(Ops.SquaredNorm(x)), SmallestNorm)));
        bool tall = x.Shape[0] > x.Shape[1];
        for (int step = 0; step < _settings.Steps; step++)
        {
            Ops.MatMul(x, tall, x, !tall, space.Gram); // XᵀX or XXᵀ, the smaller
            Ops.MatMul(space.Gram, false, space.Gram, false, space.Polynomial);
            Ops.Blend(space.Polynomial, C, space.Gram, B);
            if (tall)
            {
                Ops.MatMul(x, false, space.Polynomial, false, next);
            }
            else
            {
                Ops.MatMul(space.Polynomial, false, x, false, next);
            }
            Ops.Blend(next, 1, x, A);
            (x, next) = (next, x);
        }
        return x;
    }

    /// <summary>Memory for the iterations on one shape of matrix.</summary>
    private sealed class Workspace(Tensor like)
    {
        private readonly int _small = Math.Min(like.Shape[0], like.Shape[1]);

        public Tensor X { get; } = Tensor.Allocate(like.Device, like.Shape);

        public Tensor Next { get; } = Tensor.Allocate(like.Device, like.Shape);

        public Tensor Gram => _gram ??= Tensor.Allocate(like.Device, new Shape(_small, _small));

        public Tensor Polynomial => _polynomial ??= Tensor.Allocate(like.Device, new Shape(_small, _small));

        private Tensor? _gram,
            _polynomial;
    }
}

/// <summary>Settings of <see cref="Muon"/>.</summary>
/// <param name="Rate">peak learning rate</param>
/// <param name="Momentum">µ</param>
/// <param name="WeightDecay">decoupled decay</param>
/// <param name="Steps">Newton–Schulz iterations</param>
public sealed record MuonSettings(double Rate = 0.02, double Momentum = 0.95, double WeightDecay = 0.1, int Steps = 5)
{
    /// <summary>Throws with the name of the first setting that makes no sense; returns itself.</summary>
    public MuonSettings Validate()
    {
        SettingRange.Check(nameof(Rate), Rate, Rate >= 0, "0 or more");
        SettingRange.Check(nameof(Momentum), Momentum, Momentum is >= 0 and < 1, "from 0 to below 1");
        SettingRange.Check(nameof(WeightDecay), WeightDecay, WeightDecay >= 0, "0 or more");
        SettingRange.Check(nameof(Steps), Steps, Steps is >= 1 and <= 100, "from 1 to 100");
        return this;
    }
}
