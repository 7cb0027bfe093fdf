namespace Inkstone.Training;

/// <summary>Tells which keys of a recipe differ from those the run was begun with: a resumed run then is no longer the uninterrupted one.</summary>
internal static class RecipeChanges
{
    /// <summary>Keys that change nothing in the result.</summary>
    private static readonly string[] Harmless = ["threads", "out", "keep", "save_every"];

    public static void Tell(string before, string now, Action<string> warn)
    {
        string[] old = before.Split('\n');
        foreach (string line in now.Split('\n').Except(old))
        {
            string key = line.Split(':')[0].Trim();
            if (!Harmless.Contains(key))
            {
                warn($"resuming with a changed recipe: {line.Trim()} (the run was begun with {old.FirstOrDefault(o => o.Split(':')[0] == line.Split(':')[0])?.Trim() ?? "nothing there"})");
            }
        }
    }
}
