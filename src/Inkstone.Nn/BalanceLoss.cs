using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Losses that keep routers from crowding their tokens on a few experts. They read what the layers' last forward pass left.</summary>
public static class BalanceLoss
{
    /// <summary>
    /// E · Σ_e f_e · P_e over the tokens of the whole batch and all layers together, f_e: mean number of choices, P_e: mean probability
    /// (Switch Transformers, arXiv:2101.03961, as transformers computes it).
    /// </summary>
    public static Tensor OverBatch(IReadOnlyList<ExpertRouter> routers)
    {
        Tensor load = Zeros(Scores(routers[0]), 1);
        long tokens = 0;
        for (int i = 0; i < routers.Count; i++)
        {
            Ops.CountExperts(routers[i].Routing, load);
            tokens += Scores(routers[i]).Shape.Rows;
        }
        Scale(load, routers[0].Experts / ((double)tokens * tokens));
        Tensor sum = Ops.ExpertBalance(Scores(routers[0]), load);
        for (int i = 1; i < routers.Count; i++)
        {
            sum = Ops.Add(sum, Ops.ExpertBalance(Scores(routers[i]), load));
        }
        return sum;
    }

    /// <summary>
    /// Mean over the sequences of Σ_e f_e · P_e, f_e: choices of the sequence times E / (k · T), P_e: mean share of the scores (arXiv:2412.19437, equations 17 to 20).
    /// </summary>
    public static Tensor BySequence(ExpertRouter router, int sequences)
    {
        Tensor scores = Scores(router), load = Zeros(scores, sequences);
        Ops.CountExperts(router.Routing, load);
        double length = scores.Shape.Rows / sequences;
        Scale(load, router.Experts / (router.Routing.TopK * length) / (length * sequences));
        return Ops.ExpertBalance(scores, load);
    }

    private static Tensor Scores(ExpertRouter router) => router.Scores ?? throw new InvalidOperationException("the router has not seen tokens in this step");

    private static Tensor Zeros(Tensor scores, int groups)
    {
        Tensor load = scores.Device.Rent(new Shape(groups, scores.Shape.Last));
        load.Span.Clear();
        return load;
    }

    private static void Scale(Tensor load, double factor)
    {
        foreach (ref float f in load.Span)
        {
            f = (float)(f * factor);
        }
    }
}
