namespace Inkstone.Tensors;

/// <summary>How experts are chosen from scores.</summary>
/// <param name="TopK">experts of a token</param>
/// <param name="Groups">equal groups of neighbouring experts; a group's score is the sum of its two best, or its best</param>
/// <param name="TopKGroups">groups that a token's experts are chosen from</param>
/// <param name="Normalise">whether a token's weights are divided by their sum</param>
/// <param name="Scale">factor on the weights, <c>routed_scaling_factor</c></param>
/// <param name="GroupByBest">whether a group's score is its best expert's alone (DeepSeek-V2)</param>
public readonly record struct RoutingRule(
    int TopK,
    int Groups = 1,
    int TopKGroups = 1,
    bool Normalise = true,
    float Scale = 1,
    bool GroupByBest = false
);

/// <summary>Which experts each token goes to, and the order of (token, choice) pairs sorted by expert.</summary>
/// <param name="Weights">[N, k], on the tape</param>
/// <param name="Experts">int32 [N, k]; −1 for tokens that go nowhere</param>
/// <param name="Slots">int32 [N, k]: row of the pair in the sorted order; within an expert tokens ascend; −1 for tokens that go
/// nowhere</param>
/// <param name="Offsets">int32 [E + 1]: expert e has the rows from Offsets[e] to Offsets[e + 1]</param>
public readonly record struct ExpertRouting(Tensor Weights, Tensor Experts, Tensor Slots, Tensor Offsets)
{
    /// <summary>Experts of a token.</summary>
    public int TopK => Experts.Shape.Last;

    /// <summary>Number of pairs that go somewhere.</summary>
    public int Pairs => Offsets.Ints[^1];
}

public static partial class Ops
{
    /// <summary>Chooses experts by score + bias, in groups where the rule has them, and weighs them by score alone (arXiv:2412.19437,
    /// equations 12 to 16).</summary>
    /// <remarks><code>
    /// forward   T = top k of s + b        w_j = scale · s_j (/ Σ_T s)        j ∈ T
    /// backward  ds_j = scale · dw_j       or, normalised,  scale · (dw_j − Σ_T dw · s / Σ_T s) / Σ_T s
    /// </code>
    /// Equal scores go to the expert that comes first.</remarks>
    /// <param name="scores">[N, E]</param>
    /// <param name="bias">[E], moves the choice but not the weights; or null</param>
    /// <param name="rule">how many, from which groups</param>
    /// <param name="mask">int32, N of them: 0 for tokens (padding) that go nowhere, whose scores get no gradient; or null</param>
    public static ExpertRouting RouteExperts(Tensor scores, Tensor? bias, RoutingRule rule, Tensor? mask = null)
    {
        int tokens = scores.Shape.Rows,
            experts = scores.Shape.Last;
        if (
            rule.Groups <= 0
            || experts % rule.Groups != 0
            || rule.TopKGroups <= 0
            || rule.TopKGroups > rule.Groups
            || rule.TopK <= 0
            || rule.TopK > experts / rule.Groups * rule.TopKGroups
        )
        {
            throw new ArgumentException(
                $"{rule.TopK} of {experts} experts cannot be chosen from {rule.TopKGroups} of {rule.Groups} groups",
                nameof(rule)
            );
        }
        if (bias is not null)
        {
            Check.Count(bias, experts);
        }
        if (mask is not null)
        {
            Check.Count(mask, tokens);
        }
        Device device = scores.Device;
        Shape pairs = new(tokens, rule.TopK);
        ExpertRouting routing = new(
            device.Rent(pairs),
            device.Rent(pairs, DType.Int32),
            device.Rent(pairs, DType.Int32),
            device.Rent(new Shape(experts + 1), DType.Int32)
        );
        ExpertRoutingKernels.Choose(scores, bias, rule, mask, routing);
        ExpertRoutingKernels.Sort(routing);
        if (device.Tape.Wants(scores))
        {
            device.Tape.Record<RouteExpertsNode>(routing.Weights).Set(scores, rule, routing);
        }
        return routing;
    }

    /// <summary>The same with experts that a table names for each token id instead of the scores (hash layers, arXiv:2106.04426); the
    /// scores weigh them.</summary>
    /// <param name="scores">[N, E]</param>
    /// <param name="table">int32 [V, k], below E</param>
    /// <param name="ids">int32, N of them</param>
    /// <param name="rule">whose number of experts is k</param>
    /// <param name="mask">as in <see cref="RouteExperts"/></param>
    public static ExpertRouting RouteByToken(Tensor scores, Tensor table, Tensor ids, RoutingRule rule, Tensor? mask = null)
    {
        Check.Last(table, rule.TopK, nameof(table));
        Check.Count(ids, scores.Shape.Rows);
        CheckIds(ids, table.Shape[0]);
        if (mask is not null)
        {
            Check.Count(mask, ids.Count);
        }
        Device device = scores.Device;
        Shape pairs = new(scores.Shape.Rows, rule.TopK);
        ExpertRouting routing = new(
            device.Rent(pairs),
            device.Rent(pairs, DType.Int32),
            device.Rent(pairs, DType.Int32),
            device.Rent(new Shape(scores.Shape.Last + 1), DType.Int32)
        );
        ExpertRoutingKernels.Look(scores, table, ids, rule, mask, routing);
        ExpertRoutingKernels.Sort(routing);
        if (device.Tape.Wants(scores))
        {
            device.Tape.Record<RouteExpertsNode>(routing.Weights).Set(scores, rule, routing);
        }
        return routing;
    }

    private sealed class RouteExpertsNode : Node
    {
        private Tensor _scores = null!;
        private RoutingRule _rule;
        private ExpertRouting _routing;

        public void Set(Tensor scores, RoutingRule rule, ExpertRouting routing) => (_scores, _rule, _routing) = (scores, rule, routing);

        internal override void Backward() => ExpertRoutingKernels.Backward(OutputGrad, _scores, _rule, _routing);

        internal override void Release()
        {
            // Everything that used the order stands after this node on the tape, and has been walked.
            _routing.Experts.Release();
            _routing.Slots.Release();
            _routing.Offsets.Release();
            (_scores, _routing) = (null!, default);
        }
    }
}
