using System.Text.Json;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A question of CORE as nanochat asks it: its prompts, and in tokens where what is scored begins.</summary>
/// <param name="Prompts">one for each answer or beginning; of a text its beginning and the whole</param>
/// <param name="Gold">the right one; of a text 0</param>
internal sealed record CoreQuestion(IReadOnlyList<string> Prompts, int Gold)
{
    private const int ShotSeed = 1234;

    /// <summary>Item <paramref name="number"/> of a task behind its worked examples, which are drawn from the other items.</summary>
    public static CoreQuestion Create(CoreTask task, int number)
    {
        JsonElement item = task.Items[number];
        int[] others = [.. Enumerable.Range(0, task.Items.Count).Where(i => i != number)];
        List<int> shots = task.Shots > 0 ? new MersenneTwister(ShotSeed + number).Sample(others, Math.Min(task.Shots, others.Length)) : [];
        string before = string.Concat(shots.Select(i => Example(task, task.Items[i]) + "\n\n"));
        switch (task.Kind)
        {
            case CoreTaskKind.MultipleChoice:
                string query = before + Text(task, item, "query") + task.Delimiter;
                return new CoreQuestion([.. Texts(task, item, "choices").Select(c => query + c)], Whole(task, item, "choices"));
            case CoreTaskKind.Schema:
                string end = task.Delimiter + Text(task, item, "continuation");
                return new CoreQuestion(
                    [.. Texts(task, item, "context_options").Select(c => before + c + end)],
                    Whole(task, item, "context_options")
                );
            default:
                string begun = before + PythonText.Strip(Text(task, item, "context"), null) + task.Delimiter;
                // A blank at the end would be part of the next token, so it goes.
                return new CoreQuestion([PythonText.Strip(begun, null), begun + Text(task, item, "continuation")], 0);
        }
    }

    /// <summary>What is scored of each prompt: behind what all begin with, or what all end with, or behind the text's beginning.</summary>
    /// <param name="kind">what is compared</param>
    /// <param name="tokens">of each prompt, each with a begin token before it</param>
    /// <param name="most">tokens that the model's context holds; what is too much is cut from the beginning</param>
    public static IReadOnlyList<ScoredTokens> Split(CoreTaskKind kind, IReadOnlyList<int[]> tokens, int most)
    {
        if (kind == CoreTaskKind.LanguageModeling)
        {
            return [Cut(tokens[1], Common(tokens, fromEnd: false))];
        }
        int common = Common(tokens, fromEnd: kind == CoreTaskKind.Schema);
        return [.. tokens.Select(t => Cut(t, kind == CoreTaskKind.Schema ? t.Length - common : common))];

        ScoredTokens Cut(int[] row, int first)
        {
            int from = Math.Max(0, row.Length - most);
            first = Math.Max(first, from + 1); // something stands before what is scored
            return new ScoredTokens(row[from..Math.Min(first, row.Length)], row[Math.Min(first, row.Length)..]);
        }
    }

    /// <summary>How many tokens all begin or end with.</summary>
    private static int Common(IReadOnlyList<int[]> tokens, bool fromEnd)
    {
        int least = tokens.Min(t => t.Length);
        for (int i = 0; i < least; i++)
        {
            int one = At(tokens[0], i);
            if (tokens.Any(t => At(t, i) != one))
            {
                return i;
            }
        }
        return least;

        int At(int[] row, int i) => fromEnd ? row[^(i + 1)] : row[i];
    }

    private static string Example(CoreTask task, JsonElement item) =>
        task.Kind switch
        {
            CoreTaskKind.MultipleChoice => Text(task, item, "query") + task.Delimiter + Right(task, item, "choices"),
            CoreTaskKind.Schema => Right(task, item, "context_options") + task.Delimiter + Text(task, item, "continuation"),
            _ => PythonText.Strip(Text(task, item, "context"), null) + task.Delimiter + Text(task, item, "continuation"),
        };

    private static string Right(CoreTask task, JsonElement item, string key) => Texts(task, item, key)[Whole(task, item, key)];

    private static string Text(CoreTask task, JsonElement item, string key) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(key, out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw Fault(task, $"no text '{key}'");

    private static string[] Texts(CoreTask task, JsonElement item, string key) =>
        item.ValueKind == JsonValueKind.Object
        && item.TryGetProperty(key, out JsonElement texts)
        && texts.ValueKind == JsonValueKind.Array
        && texts.GetArrayLength() > 0
            ? [.. texts.EnumerateArray().Select(t => t.ValueKind == JsonValueKind.String ? t.GetString()! : t.GetRawText())]
            : throw Fault(task, $"no list of texts '{key}'");

    /// <summary>The place of what is right.</summary>
    private static int Whole(CoreTask task, JsonElement item, string key) =>
        item.TryGetProperty("gold", out JsonElement gold)
        && gold.ValueKind == JsonValueKind.Number
        && gold.TryGetInt32(out int place)
        && place >= 0
        && place < item.GetProperty(key).GetArrayLength()
            ? place
            : throw Fault(task, $"no 'gold' that is a place in '{key}'");

    private static InvalidDataException Fault(CoreTask task, string what) => new($"an item of {task.Label} has {what}.");
}
