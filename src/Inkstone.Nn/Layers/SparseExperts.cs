using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Sizes and choice of a sparse layer.</summary>
/// <param name="HiddenSize">C</param>
/// <param name="IntermediateSize">width of one expert</param>
/// <param name="Experts">E</param>
/// <param name="Scoring">how logits become scores</param>
/// <param name="Rule">how experts are chosen by score</param>
/// <param name="CorrectionBias">whether a bias, moved by <see cref="ExpertRouter.AfterStep"/>, takes part in the choice</param>
public sealed record SparseExpertsSettings(
    int HiddenSize,
    int IntermediateSize,
    int Experts,
    RouterScoring Scoring,
    RoutingRule Rule,
    bool CorrectionBias = false
)
{
    /// <summary>Whether the router adds a learned bias to its logits.</summary>
    public bool RouterBias { get; init; }

    /// <summary>Name of the correction bias.</summary>
    public string CorrectionName { get; init; } = "e_score_correction_bias";

    /// <summary>V where a table <c>tid2eid</c> [V, k] names the experts of each token id and scores only weigh them; 0: scores
    /// choose.</summary>
    public int HashedVocabulary { get; init; }

    /// <summary>Bound of what goes into an expert's activation and of what is multiplied with it; 0: none.</summary>
    public float Limit { get; init; }

    /// <summary>Whether balance losses look at the softmax of the logits and what it alone would choose, whatever the scores are.</summary>
    public bool SoftmaxBalance { get; init; }

    /// <summary>Names of an expert's matrices: gate, up and down.</summary>
    public (string Gate, string Up, string Down) Names { get; init; } = ("gate_proj", "up_proj", "down_proj");
}

/// <summary>
/// Feed-forward layer of many experts of which each token uses a few (arXiv:1701.06538): <c>gate</c> chooses, <c>experts.N</c> are SwiGLU
/// layers.
/// Tokens are sorted by expert once; gate, up and down are one grouped product each. Checkpoints that stack their experts,
/// <c>experts.gate_up_proj</c> [E, 2F, C] with
/// the gate above and <c>experts.down_proj</c> [E, C, F], stay so.
/// </summary>
public sealed class SparseExperts
{
    private readonly Tensor[] _gate = [],
        _up = [],
        _down = []; // per expert [F, C], [F, C], [C, F]
    private readonly Tensor? _gateUpStack,
        _downStack; // [E, 2F, C], [E, C, F]
    private readonly float _limit;

    /// <summary>Builds the layer at <paramref name="scope"/>.</summary>
    public SparseExperts(Scope scope, SparseExpertsSettings s)
    {
        Router = new ExpertRouter(scope["gate"], s);
        _limit = s.Limit;
        Scope experts = scope["experts"];
        if (!experts[0][s.Names.Gate].Has("weight") && experts.Has("gate_up_proj"))
        {
            _gateUpStack = experts.Parameter("gate_up_proj", new Shape(s.Experts, 2 * s.IntermediateSize, s.HiddenSize), Initial.Normal);
            _downStack = experts.Parameter("down_proj", new Shape(s.Experts, s.HiddenSize, s.IntermediateSize), Initial.Normal);
            return;
        }
        Shape inner = new(s.IntermediateSize, s.HiddenSize),
            outer = new(s.HiddenSize, s.IntermediateSize);
        (_gate, _up, _down) = (new Tensor[s.Experts], new Tensor[s.Experts], new Tensor[s.Experts]);
        for (int e = 0; e < s.Experts; e++)
        {
            Scope expert = experts[e];
            _gate[e] = expert[s.Names.Gate].Parameter("weight", inner, Initial.Normal);
            _up[e] = expert[s.Names.Up].Parameter("weight", inner, Initial.Normal);
            _down[e] = expert[s.Names.Down].Parameter("weight", outer, Initial.Normal);
        }
    }

    /// <summary>Who chooses.</summary>
    public ExpertRouter Router { get; }

    /// <summary>x: [..., C]; <paramref name="residual"/> is added to the result. Where <paramref name="mask"/> ([...], int32) is 0 no
    /// expert is asked; <paramref name="ids"/> ([...], int32) are the tokens, for layers that choose by them.</summary>
    public Tensor Forward(Tensor x, Tensor? residual, Tensor? mask, Tensor? ids = null)
    {
        ExpertRouting routing = Router.Forward(x, mask, ids);
        Tensor rows = Ops.ExpertDispatch(x, routing); // [M·k, C], M tokens that are not masked
        Tensor y = _gateUpStack is null ? Apart(rows, routing.Offsets) : Stacked(rows, routing.Offsets);
        return Ops.ExpertCombine(y, routing, x.Shape, residual);
    }

    private Tensor Apart(Tensor rows, Tensor offsets)
    {
        Tensor gate = Ops.GroupedLinear(rows, _gate, offsets),
            up = Ops.GroupedLinear(rows, _up, offsets);
        return Ops.GroupedLinear(Activated(gate, up), _down, offsets); // [M·k, C]
    }

    private Tensor Stacked(Tensor rows, Tensor offsets)
    {
        Tensor both = Ops.StackedLinear(rows, _gateUpStack!, offsets); // [M·k, 2F]
        int inner = both.Shape.Last / 2;
        Tensor h = Activated(Ops.HeadColumns(both, 1, 0, inner), Ops.HeadColumns(both, 1, inner, inner));
        return Ops.StackedLinear(h, _downStack!, offsets); // [M·k, C]
    }

    private Tensor Activated(Tensor gate, Tensor up) =>
        _limit > 0 ? Ops.ClampedSwiGlu(gate, up, _limit, alpha: 1, offset: 0) : Ops.SwiGlu(gate, up);
}
