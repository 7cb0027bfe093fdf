using System.Buffers;
using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Losses that keep routers from crowding their tokens on a few experts. They read what the layers' last forward pass
/// left.</summary>
public static class BalanceLoss
{
    /// <summary>
    /// E · Σ_e f_e · P_e over the tokens (without padding) of the whole batch and all layers together, f_e: mean number of choices, P_e:
    /// mean probability
    /// (Switch Transformers, arXiv:2101.03961, as transformers computes it).
    /// </summary>
    public static Tensor OverBatch(IReadOnlyList<ExpertRouter> routers)
    {
        Tensor load = Zeros(Balance(routers[0]).Scores, 1);
        for (int i = 0; i < routers.Count; i++)
        {
            Ops.CountExperts(Balance(routers[i]).Routing, load);
        }
        float[] host = ArrayPool<float>.Shared.Rent((int)load.Count);
        Span<float> shares = host.AsSpan(0, (int)load.Count);
        load.CopyTo(shares);
        double tokens = Sum(shares) / routers[0].Routing.TopK;
        Scale(shares, routers[0].Experts / (tokens * tokens));
        load.CopyFrom(shares);
        ArrayPool<float>.Shared.Return(host);
        Tensor sum = Ops.ExpertBalance(Balance(routers[0]).Scores, load, routers[0].Mask);
        for (int i = 1; i < routers.Count; i++)
        {
            sum = Ops.Add(sum, Ops.ExpertBalance(Balance(routers[i]).Scores, load, routers[i].Mask));
        }
        return sum;
    }

    /// <summary>
    /// Mean over the sequences of Σ_e f_e · P_e, f_e: choices of the sequence times E / (k · T), P_e: mean share of the scores
    /// (arXiv:2412.19437, equations 17 to 20).
    /// T is the sequence's length without padding; a sequence of padding alone counts as none.
    /// </summary>
    public static Tensor BySequence(ExpertRouter router, int sequences)
    {
        Tensor scores = Scores(router),
            load = Zeros(scores, sequences);
        Ops.CountExperts(router.Routing, load);
        int filled = 0,
            experts = router.Experts;
        float[] host = ArrayPool<float>.Shared.Rent((int)load.Count);
        Span<float> shares = host.AsSpan(0, (int)load.Count);
        load.CopyTo(shares);
        for (int i = 0; i < sequences; i++)
        {
            filled += Sum(shares.Slice(i * experts, experts)) > 0 ? 1 : 0;
        }
        for (int i = 0; i < sequences; i++)
        {
            Span<float> own = shares.Slice(i * experts, experts);
            double choices = Sum(own),
                length = choices / router.Routing.TopK;
            if (choices > 0)
            {
                Scale(own, experts / choices / (length * filled));
            }
        }
        load.CopyFrom(shares);
        ArrayPool<float>.Shared.Return(host);
        return Ops.ExpertBalance(scores, load, router.Mask);
    }

    private static Tensor Scores(ExpertRouter router) =>
        router.Scores ?? throw new InvalidOperationException("the router has not seen tokens in this step");

    private static (Tensor Scores, ExpertRouting Routing) Balance(ExpertRouter router) =>
        router.Balance ?? throw new InvalidOperationException("the router has not seen tokens in this step");

    private static Tensor Zeros(Tensor scores, int groups)
    {
        Tensor load = scores.Device.Rent(new Shape(groups, scores.Shape.Last));
        Ops.Fill(load, 0);
        return load;
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += value;
        }
        return sum;
    }

    private static void Scale(Span<float> load, double factor)
    {
        foreach (ref float f in load)
        {
            f = (float)(f * factor);
        }
    }
}
