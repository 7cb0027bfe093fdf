using System.Text.Json.Nodes;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>
/// Pairs whose logits are given, [sequence][position][V], those at t for the token at t + 1. They go through <see cref="Ops.LabelLoss"/> as
/// a hidden state of width V
/// behind a head that is the identity, so that what is compared is what training computes.
/// </summary>
internal sealed class LogitCase
{
    private readonly int _vocabulary,
        _pairs;
    private readonly List<float> _x = [];
    private readonly List<int> _labels = [],
        _places = []; // which position of the given logits each row is
    private readonly TokenRuns _shape = new();
    private readonly int _positions;

    public LogitCase(JsonNode node, bool prompts)
    {
        int[] promptLengths = node.Get("prompt_lengths").Ids();
        JsonArray logits = node.Get("logits").AsArray();
        (_pairs, _vocabulary, _positions) = (promptLengths.Length, logits[0]![0]!.AsArray().Count, logits[0]!.AsArray().Count);
        int[][] sequences = [.. node.Get("chosen_ids").AsArray().Concat(node.Get("rejected_ids").AsArray()).Select(ids => ids!.Ids())];
        for (int i = 0; i < sequences.Length; i++)
        {
            Add(logits, sequences[i], i, promptLengths[i % _pairs], sequences[i].Length);
        }
        for (int i = 0; prompts && i < _pairs; i++)
        {
            Add(logits, sequences[i], i, 1, promptLengths[i]);
        }
    }

    private void Add(JsonArray logits, int[] ids, int sequence, int from, int to)
    {
        _shape.Add(to - from);
        for (int t = from; t < to; t++)
        {
            _x.AddRange(logits[sequence]![t - 1]!.Numbers().Select(v => (float)v));
            _labels.Add(ids[t]);
            _places.Add(sequence * _positions + t - 1);
        }
    }

    /// <summary>Loss, and its gradient by all logits that are given.</summary>
    public (double Loss, double[] Gradient) Compute(Device device, PairLoss loss, List<MetricTerm> metrics)
    {
        TokenRuns policy = new(),
            gradient = new();
        double value = 0;
        using Tensor x = Tensor.From(device, new Shape(_labels.Count, _vocabulary), [.. _x], requiresGrad: true),
            head = Identity(device, _vocabulary);
        using StepScope step = device.Step(record: true);
        Tensor result = Ops.LabelLoss(
            x,
            head,
            device.Rent(new Shape(_labels.Count), [.. _labels]),
            new LabelStatistics(),
            s =>
            {
                policy.ShapeAs(_shape);
                s.LogProbs.CopyTo(policy.Values);
                value = loss.Compute(policy, _pairs, null, null, gradient, metrics);
                gradient.Values.CopyTo(s.LogProbGradients);
                return value;
            }
        );
        device.Tape.Backward(result);
        double[] all = new double[2 * _pairs * _positions * _vocabulary];
        for (int i = 0; i < _places.Count; i++)
        {
            for (int j = 0; j < _vocabulary; j++)
            {
                all[_places[i] * _vocabulary + j] += x.Grad!.Item((long)i * _vocabulary + j);
            }
        }
        return (value, all);
    }

    /// <summary>A head whose logits are the hidden state.</summary>
    public static Tensor Identity(Device device, int size)
    {
        Tensor head = Tensor.Allocate(device, new Shape(size, size));
        for (int i = 0; i < size; i++)
        {
            head.CopyFrom([1f], (long)i * size + i);
        }
        return head;
    }
}
