using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// The objective of a student that learns a teacher's distributions at the labelled tokens (arXiv:2306.13649): β = 0 is KL(teacher ‖
/// student), 1 is KL(student ‖ teacher),
/// between them the generalised Jensen–Shannon divergence, all at a temperature, without a factor T². A part of the likelihood of the
/// labels may be added.
/// </summary>
/// <param name="student">what learns</param>
/// <param name="teacher">what it learns from; of the same vocabulary</param>
/// <param name="beta">β</param>
/// <param name="temperature">T</param>
/// <param name="labelWeight">weight of the labels' likelihood; the divergence has the rest of 1</param>
public sealed class DistillObjective(CausalLm student, CausalLm teacher, double beta, double temperature = 1, double labelWeight = 0)
{
    private readonly List<int> _rows = [],
        _labels = [];

    /// <summary>The part of one micro-batch.</summary>
    public LossTerms ComputeLoss(Batch batch, float normalizer)
    {
        Device device = student.Device;
        ForwardContext context = NextToken.Context(device, batch);
        Tensor ids = NextToken.Ids(device, batch);
        Labelled(batch);
        Tensor rows = device.Rent(new Shape(_rows.Count), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_rows)),
            taught;
        using (device.Tape.Paused())
        {
            taught = Ops.GatherRows(teacher.Hidden(ids, context), rows);
        }
        Tensor hidden = Ops.GatherRows(student.Hidden(ids, context), rows);
        Tensor divergence = student.Divergence(hidden, teacher, taught, beta, temperature, normalizer, out double entropy);
        LossTerms terms;
        if (labelWeight == 0)
        {
            terms = divergence;
        }
        else
        {
            Tensor labels = Ops.Scale(
                student.LabelLoss(
                    hidden,
                    device.Rent(new Shape(_labels.Count), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_labels)),
                    normalizer
                ),
                (float)labelWeight
            );
            terms = new LossTerms(Ops.Add(Ops.Scale(divergence, (float)(1 - labelWeight)), labels)).With(
                "divergence",
                divergence.Item() * normalizer,
                batch.LabelCount
            );
        }
        return terms.With("entropy", entropy, batch.LabelCount);
    }

    private void Labelled(Batch batch)
    {
        _rows.Clear();
        _labels.Clear();
        ReadOnlySpan<int> labels = batch.Labels;
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] != Batch.IgnoredLabel)
            {
                _rows.Add(i);
                _labels.Add(labels[i]);
            }
        }
    }
}
