namespace Inkstone.Evaluation;

/// <summary>How words become those of a reference with the fewest words put in, taken out or changed.</summary>
/// <param name="Distance">the number of edits</param>
/// <param name="Places">for each word of the reference the word that it comes from, or that stands before it; −1: none</param>
/// <param name="WrongPlaces">for each word of the reference whether it is put in or changed</param>
/// <param name="WrongWords">for each word whether it is taken out or changed</param>
internal sealed record WordAlignment(int Distance, int[] Places, bool[] WrongPlaces, bool[] WrongWords)
{
    private const int Beam = 25;
    private const int Far = int.MaxValue / 2;

    private enum Edit : byte
    {
        None,
        Same,
        Change,
        TakeOut,
        PutIn,
    }

    /// <summary>Levenshtein's matrix within a band along its diagonal (Tercom's beam); of equal ways, changing comes before taking out, and
    /// that before putting in.</summary>
    public static WordAlignment Find(string[] words, string[] right)
    {
        int rows = words.Length,
            columns = right.Length;
        int[,] cost = new int[rows + 1, columns + 1];
        Edit[,] edits = new Edit[rows + 1, columns + 1];
        for (int j = 0; j <= columns; j++)
        {
            (cost[0, j], edits[0, j]) = (j, Edit.PutIn);
            for (int i = 1; i <= rows; i++)
            {
                cost[i, j] = Far;
            }
        }
        double ratio = rows == 0 ? 1 : (double)columns / rows;
        // Where one side is far longer, neighbouring rows would not meet in a narrower band.
        int beam = ratio / 2 > Beam ? (int)Math.Ceiling((ratio / 2) + Beam) : Beam;
        for (int i = 1; i <= rows; i++)
        {
            int diagonal = (int)Math.Floor(i * ratio),
                last = i == rows ? columns : Math.Min(columns, diagonal + beam - 1);
            for (int j = Math.Max(0, diagonal - beam); j <= last; j++)
            {
                if (j == 0)
                {
                    (cost[i, 0], edits[i, 0]) = (cost[i - 1, 0] + 1, Edit.TakeOut);
                    continue;
                }
                bool same = words[i - 1] == right[j - 1];
                Take(i, j, cost[i - 1, j - 1] + (same ? 0 : 1), same ? Edit.Same : Edit.Change);
                Take(i, j, cost[i - 1, j] + 1, Edit.TakeOut);
                Take(i, j, cost[i, j - 1] + 1, Edit.PutIn);
            }
        }
        return Walk(edits, rows, columns, cost[rows, columns]);

        void Take(int i, int j, int price, Edit edit)
        {
            if (price < cost[i, j])
            {
                (cost[i, j], edits[i, j]) = (price, edit);
            }
        }
    }

    private static WordAlignment Walk(Edit[,] edits, int rows, int columns, int distance)
    {
        int[] places = new int[columns];
        bool[] wrongPlaces = new bool[columns],
            wrongWords = new bool[rows];
        for (int i = rows, j = columns; i > 0 || j > 0; )
        {
            Edit edit = edits[i, j];
            if (edit == Edit.TakeOut)
            {
                wrongWords[--i] = true;
            }
            else if (edit == Edit.PutIn)
            {
                places[--j] = i - 1;
                wrongPlaces[j] = true;
            }
            else
            {
                places[--j] = --i;
                wrongPlaces[j] = wrongWords[i] = edit == Edit.Change;
            }
        }
        return new WordAlignment(distance, places, wrongPlaces, wrongWords);
    }
}
