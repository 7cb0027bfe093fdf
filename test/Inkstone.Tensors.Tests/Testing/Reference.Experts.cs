namespace Inkstone.Tensors.Tests;

internal static partial class Reference
{
    public static double[] RouterScores(double[] x, double[] weight, int k, RouterScoring scoring, double[]? bias = null)
    {
        double[] logits = Linear(x, weight, k, bias);
        return scoring switch
        {
            RouterScoring.Softmax => Softmax(logits, weight.Length / k),
            RouterScoring.Sigmoid => [.. logits.Select(z => 1 / (1 + Math.Exp(-z)))],
            _ => [.. logits.Select(z => Math.Sqrt(Math.Log(1 + Math.Exp(z))))],
        };
    }

    /// <summary>Experts of each token by sorting: best groups first (sum of their two best), then the best experts inside them.</summary>
    public static int[] ChooseExperts(double[] scores, double[]? bias, int experts, RoutingRule rule)
    {
        int size = experts / rule.Groups;
        return
        [
            .. scores
                .Chunk(experts)
                .SelectMany(s =>
                {
                    double[] choice = [.. s.Select((v, e) => v + (bias?[e] ?? 0))];
                    HashSet<int> groups =
                    [
                        .. Enumerable
                            .Range(0, rule.Groups)
                            .OrderByDescending(g => choice.Skip(g * size).Take(size).OrderDescending().Take(rule.GroupByBest ? 1 : 2).Sum())
                            .Take(rule.TopKGroups),
                    ];
                    return Enumerable
                        .Range(0, experts)
                        .Where(e => groups.Contains(e / size))
                        .OrderByDescending(e => choice[e])
                        .Take(rule.TopK);
                }),
        ];
    }

    /// <summary>The weights of chosen experts.</summary>
    public static double[] ExpertWeights(double[] scores, int[] chosen, int experts, RoutingRule rule) =>
        [
            .. chosen
                .Chunk(rule.TopK)
                .SelectMany(
                    (c, token) =>
                    {
                        double sum = rule.Normalise ? c.Sum(e => scores[token * experts + e]) : 1;
                        return c.Select(e => rule.Scale * scores[token * experts + e] / sum);
                    }
                ),
        ];

    /// <summary>Row block e of x times weight e.</summary>
    public static double[] GroupedLinear(double[] x, double[][] weights, int k, int[] offsets) =>
        [.. weights.SelectMany((w, e) => Linear(x[(offsets[e] * k)..(offsets[e + 1] * k)], w, k))];

    public static double[] ExpertDispatch(double[] x, int[] slots, int topK, int width)
    {
        double[] y = new double[slots.Length * width];
        for (int pair = 0; pair < slots.Length; pair++)
        {
            Array.Copy(x, pair / topK * width, y, slots[pair] * width, width);
        }
        return y;
    }

    public static double[] ExpertCombine(double[] x, double[] weights, int[] slots, int topK, int width, double[]? residual)
    {
        double[] y = residual is null ? new double[slots.Length / topK * width] : [.. residual];
        for (int pair = 0; pair < slots.Length; pair++)
        {
            for (int i = 0; i < width; i++)
            {
                y[pair / topK * width + i] += weights[pair] * x[slots[pair] * width + i];
            }
        }
        return y;
    }

    public static double[] ExpertBalance(double[] scores, float[] load, int experts, int groupTokens) =>
        [scores.Chunk(experts).Select((s, token) => s.Select((v, e) => v / s.Sum() * load[token / groupTokens * experts + e]).Sum()).Sum()];
}
