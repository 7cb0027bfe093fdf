using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// TER (Snover et al. 2006): words put in, taken out, changed, and runs of words moved, for each word of the reference. Which run is moved
/// next is Tercom's greedy choice, as sacrebleu has it: the one that saves most, then the longest, the earliest, the nearest to the
/// beginning. Words are what blanks part, in lower case.
/// </summary>
internal static class TranslationEditRate
{
    private const int LongestMove = 10,
        FarthestMove = 50,
        MostTries = 1000;

    /// <summary>Edits, and words of the reference.</summary>
    public static double[] Count(string answer, string reference)
    {
        string[] words = TranslationScores.Words(PythonCase.Lower(answer)),
            right = TranslationScores.Words(PythonCase.Lower(reference));
        if (right.Length == 0)
        {
            return [words.Length, 0];
        }
        int moves = 0,
            tries = 0;
        while (Moved(words, right, ref tries) is { } better && tries < MostTries)
        {
            words = better;
            moves++;
        }
        return [moves + WordAlignment.Find(words, right).Distance, right.Length];
    }

    /// <summary>100 · edits / words of summed counts.</summary>
    public static double Score(double[] counts) =>
        counts[1] > 0 ? 100 * counts[0] / counts[1]
        : counts[0] > 0 ? 100
        : 0;

    /// <summary>The words after the best move; null where none makes them nearer to the reference.</summary>
    private static string[]? Moved(string[] words, string[] right, ref int tries)
    {
        WordAlignment now = WordAlignment.Find(words, right);
        (int Saved, int Length, int Start, int Target) best = default;
        string[]? found = null;
        foreach ((int start, int place, int length) in Runs(words, right))
        {
            // Only what stands wrong is moved, to where the reference has no such run yet, and not into itself.
            if (
                !now.WrongWords.AsSpan(start, length).Contains(true)
                || !now.WrongPlaces.AsSpan(place, length).Contains(true)
                || (now.Places[place] >= start && now.Places[place] < start + length)
            )
            {
                continue;
            }
            int earlier = -1;
            for (int offset = -1; offset < length && place + offset < right.Length; offset++)
            {
                int target = place + offset < 0 ? 0 : now.Places[place + offset] + 1;
                if (target == earlier)
                {
                    continue;
                }
                earlier = target;
                string[] tried = Move(words, start, length, target);
                (int, int, int, int) worth = (now.Distance - WordAlignment.Find(tried, right).Distance, length, -start, -target);
                tries++;
                if (found is null || worth.CompareTo(best) > 0)
                {
                    (best, found) = (worth, tried);
                }
            }
            if (tries >= MostTries)
            {
                break;
            }
        }
        return best.Saved > 0 ? found : null;
    }

    /// <summary>Runs of words that both have, not too far apart: where they start, and how long they are.</summary>
    private static IEnumerable<(int Start, int Place, int Length)> Runs(string[] words, string[] right)
    {
        for (int start = 0; start < words.Length; start++)
        {
            for (int place = Math.Max(0, start - FarthestMove); place < Math.Min(right.Length, start + FarthestMove + 1); place++)
            {
                for (
                    int length = 1;
                    length <= LongestMove
                        && start + length <= words.Length
                        && place + length <= right.Length
                        && words[start + length - 1] == right[place + length - 1];
                    length++
                )
                {
                    yield return (start, place, length);
                }
            }
        }
    }

    /// <summary>A run of words before the word that stands at the target now; a target within the run counts behind it.</summary>
    private static string[] Move(string[] words, int start, int length, int target)
    {
        string[] run = words[start..(start + length)],
            rest = [.. words[..start], .. words[(start + length)..]];
        int at = Math.Min(
            target < start ? target
                : target > start + length ? target - length
                : target,
            rest.Length
        );
        return [.. rest[..at], .. run, .. rest[at..]];
    }
}
