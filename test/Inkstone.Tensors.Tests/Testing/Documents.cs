namespace Inkstone.Tensors.Tests;

/// <summary>Rows cut into documents at random places, other places in every row.</summary>
internal static class Documents
{
    /// <summary>Per token the index in its row of its document's first token.</summary>
    public static int[] Starts(int rows, int length, int documents)
    {
        Random random = new(documents);
        int[] starts = new int[rows * length];
        for (int row = 0; row < rows; row++)
        {
            HashSet<int> cuts = [.. Enumerable.Range(1, documents - 1).Select(i => documents == length ? i : random.Next(1, length))];
            for (int t = 1; t < length; t++)
            {
                starts[row * length + t] = cuts.Contains(t) ? t : starts[row * length + t - 1];
            }
        }
        return starts;
    }
}
