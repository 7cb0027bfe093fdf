using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Sizes and choice of a sparse layer.</summary>
/// <param name="HiddenSize">C</param>
/// <param name="IntermediateSize">width of one expert</param>
/// <param name="Experts">E</param>
/// <param name="Scoring">how logits become scores</param>
/// <param name="Rule">how experts are chosen by score</param>
/// <param name="CorrectionBias">whether a bias, moved by <see cref="ExpertRouter.StepEnded"/>, takes part in the choice</param>
public sealed record SparseExpertsSettings(int HiddenSize, int IntermediateSize, int Experts, RouterScoring Scoring, RoutingRule Rule, bool CorrectionBias = false)
{
    /// <summary>Names of an expert's matrices: gate, up and down.</summary>
    public (string Gate, string Up, string Down) Names { get; init; } = ("gate_proj", "up_proj", "down_proj");
}

/// <summary>
/// Feed-forward layer of many experts of which each token uses a few (arXiv:1701.06538): <c>gate</c> chooses, <c>experts.N</c> are SwiGLU layers.
/// Tokens are sorted by expert once; gate, up and down are one grouped product each.
/// </summary>
public sealed class SparseExperts
{
    private readonly Tensor[] _gate, _up, _down;   // per expert [F, C], [F, C], [C, F]

    /// <summary>Builds the layer at <paramref name="scope"/>.</summary>
    public SparseExperts(Scope scope, SparseExpertsSettings s)
    {
        Router = new ExpertRouter(scope["gate"], s);
        Shape inner = new(s.IntermediateSize, s.HiddenSize), outer = new(s.HiddenSize, s.IntermediateSize);
        (_gate, _up, _down) = (new Tensor[s.Experts], new Tensor[s.Experts], new Tensor[s.Experts]);
        for (int e = 0; e < s.Experts; e++)
        {
            Scope expert = scope["experts"][e];
            _gate[e] = expert[s.Names.Gate].Parameter("weight", inner, Initial.Normal);
            _up[e] = expert[s.Names.Up].Parameter("weight", inner, Initial.Normal);
            _down[e] = expert[s.Names.Down].Parameter("weight", outer, Initial.Normal);
        }
    }

    /// <summary>Who chooses.</summary>
    public ExpertRouter Router { get; }

    /// <summary>x: [..., C]; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        ExpertRouting routing = Router.Forward(x);
        Tensor rows = Ops.ExpertDispatch(x, routing);                                           // [N·k, C]
        Tensor gate = Ops.GroupedLinear(rows, _gate, routing.Offsets), up = Ops.GroupedLinear(rows, _up, routing.Offsets);
        Tensor y = Ops.GroupedLinear(Ops.SwiGlu(gate, up), _down, routing.Offsets);             // [N·k, C]
        return Ops.ExpertCombine(y, routing, x.Shape, residual);
    }
}
