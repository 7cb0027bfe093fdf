using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Chooses experts for tokens, counts what it chose in training, and moves its correction bias against crowding.</summary>
public sealed class ExpertRouter
{
    private readonly Tensor _weight; // [E, C]
    private readonly Tensor? _logitBias; // [E]
    private readonly Tensor? _bias; // [E]
    private readonly Tensor? _table; // int32 [V, k]
    private readonly bool _softmaxBalance;
    private readonly Tensor _counts; // [1, E]: choices since the last optimizer step
    private readonly float[] _hostCounts,
        _hostBias;
    private readonly RouterScoring _scoring;
    private readonly RoutingRule _rule;

    /// <summary>Builds the router at <paramref name="scope"/>.</summary>
    public ExpertRouter(Scope scope, SparseExpertsSettings s)
    {
        (_scoring, _rule) = (s.Scoring, s.Rule);
        _weight = scope.Parameter("weight", new Shape(s.Experts, s.HiddenSize), Initial.Normal);
        _logitBias = s.RouterBias ? scope.Parameter("bias", new Shape(s.Experts), Initial.Zeros) : null;
        _bias = s.CorrectionBias ? scope.Parameter(s.CorrectionName, new Shape(s.Experts), Initial.Zeros, learned: false) : null;
        _table = s.HashedVocabulary > 0 ? ExpertTable.At(scope, s) : null;
        _softmaxBalance = s.SoftmaxBalance;
        _counts = Tensor.Allocate(scope.Device, new Shape(1, s.Experts));
        (_hostCounts, _hostBias) = (new float[s.Experts], new float[s.Experts]);
    }

    /// <summary>Number of experts.</summary>
    public int Experts => _weight.Shape[0];

    /// <summary>Share of tokens that an expert works for when all are chosen alike.</summary>
    public double ActiveShare => (double)_rule.TopK / Experts;

    /// <summary>Scores of the last tokens, [N, E]; they live until their step ends.</summary>
    public Tensor? Scores { get; private set; }

    /// <summary>int32 [N]: 0 for those of the last tokens that are padding, or null; it lives as long.</summary>
    public Tensor? Mask { get; private set; }

    /// <summary>What the last tokens chose.</summary>
    public ExpertRouting Routing { get; private set; }

    /// <summary>Whether the token alone says which experts it goes to.</summary>
    public bool IsHashed => _table is not null;

    /// <summary>Probabilities of the last tokens that balance losses look at, [N, E], and what they would choose.</summary>
    public (Tensor Scores, ExpertRouting Routing)? Balance { get; private set; }

    /// <summary>Choices of each expert since <see cref="AfterStep"/>, over all micro-batches that were learned from.</summary>
    public ReadOnlySpan<float> Counts
    {
        get
        {
            _counts.CopyTo(_hostCounts);
            return _hostCounts;
        }
    }

    /// <summary>Replaces the counts, by those of all processes together.</summary>
    public void Recount(ReadOnlySpan<float> counts) => _counts.CopyFrom(counts);

    /// <summary>Choices of the most chosen expert of the last optimizer step, relative to the mean.</summary>
    public double MostLoad { get; private set; }

    /// <summary>Choices of the least chosen expert, relative to the mean.</summary>
    public double LeastLoad { get; private set; }

    /// <summary>x: [..., C]; tokens whose <paramref name="mask"/> is 0 choose nothing; <paramref name="ids"/> are the tokens, where they
    /// say which experts.</summary>
    public ExpertRouting Forward(Tensor x, Tensor? mask, Tensor? ids = null)
    {
        Tape tape = x.Device.Tape;
        Scores = Ops.RouterScores(x, _weight, _scoring, _logitBias); // [N, E]
        Mask = mask;
        Routing = _table is null
            ? Ops.RouteExperts(Scores, _bias, _rule, mask)
            : Ops.RouteByToken(
                Scores,
                _table,
                ids ?? throw new ArgumentNullException(nameof(ids), "experts that follow from tokens need the tokens"),
                _rule,
                mask
            );
        tape.AddSideOutput(Scores); // to the balance losses
        tape.AddSideOutput(Routing.Experts);
        Balance = Scores is { } scores ? (scores, Routing) : null;
        if (_softmaxBalance && tape.Training)
        {
            Tensor probabilities = Ops.RouterScores(x, _weight, RouterScoring.Softmax, _logitBias);
            Balance = (probabilities, Ops.RouteExperts(probabilities, null, new RoutingRule(_rule.TopK), mask));
            tape.AddSideOutput(probabilities);
            tape.AddSideOutput(Balance.Value.Routing.Experts);
        }
        if (tape.Training && !tape.Recomputing)
        {
            Ops.CountExperts(Routing, _counts);
        }
        return Routing;
    }

    /// <summary>
    /// Closes an optimizer step: load is measured over all of it, the correction bias moves by <paramref name="biasRate"/> towards the
    /// experts chosen
    /// less than the mean (arXiv:2408.15664), and counting begins anew.
    /// </summary>
    public void AfterStep(double biasRate)
    {
        ReadOnlySpan<float> counts = Counts;
        double sum = 0,
            most = 0,
            least = double.PositiveInfinity;
        foreach (float count in counts)
        {
            (sum, most, least) = (sum + count, Math.Max(most, count), Math.Min(least, count));
        }
        double mean = sum / counts.Length;
        (MostLoad, LeastLoad) = sum > 0 ? (most / mean, least / mean) : (double.NaN, double.NaN);
        if (_bias is not null)
        {
            _bias.CopyTo(_hostBias);
            for (int e = 0; e < counts.Length; e++)
            {
                _hostBias[e] += (float)(biasRate * Math.Sign(mean - counts[e]));
            }
            _bias.CopyFrom(_hostBias);
        }
        Ops.Fill(_counts, 0);
    }
}
