namespace Inkstone.Data;

/// <summary>Divides a number of records exactly.</summary>
internal static class Quotas
{
    /// <summary>
    /// Whole numbers in the proportion of the weights, none above its cap, that sum up to the total: what exceeds a cap goes to the others,
    /// and the largest
    /// remainders are rounded up (Hamilton's method).
    /// </summary>
    /// <exception cref="ArgumentException">The caps are too low for the total.</exception>
    public static long[] Divide(long total, IReadOnlyList<double> weights, IReadOnlyList<long> caps)
    {
        long[] quotas = new long[weights.Count];
        List<int> open = [.. Enumerable.Range(0, weights.Count).Where(i => weights[i] > 0 && caps[i] > 0)];
        long left = total;
        while (true)
        {
            double sum = open.Sum(i => weights[i]);
            int[] full = [.. open.Where(i => left * (weights[i] / sum) >= caps[i])];
            if (full.Length == 0)
            {
                break;
            }
            foreach (int i in full)
            {
                quotas[i] = caps[i];
                left -= caps[i];
                open.Remove(i);
            }
            if (left <= 0 || open.Count == 0)
            {
                break;
            }
        }
        if (left < 0 || (left > 0 && open.Count == 0))
        {
            throw new ArgumentException($"the caps are too low for {total}");
        }
        double weight = open.Sum(i => weights[i]);
        foreach (int i in open)
        {
            quotas[i] = (long)(left * (weights[i] / weight));
        }
        foreach (
            int i in open.OrderByDescending(i => left * (weights[i] / weight) - quotas[i])
                .ThenBy(i => i)
                .Take((int)(left - open.Sum(i => quotas[i])))
        )
        {
            quotas[i]++;
        }
        return quotas;
    }
}
