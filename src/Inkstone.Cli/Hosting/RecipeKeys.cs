namespace Inkstone.Cli;

/// <summary>The flags <c>--section.key value</c> and <c>--section.key=value</c> that replace values of a recipe.</summary>
internal static class RecipeKeys
{
    /// <summary>Moves them from the arguments into <paramref name="keys"/> and returns the other arguments.</summary>
    public static string[] TakeOut(string[] args, List<KeyValuePair<string, string>> keys)
    {
        List<string> rest = [];
        for (int i = 0; i < args.Length; i++)
        {
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            string flag = equals < 0 ? args[i] : args[i][..equals];
            if (
                !flag.StartsWith("--", StringComparison.Ordinal)
                || !flag.Contains('.', StringComparison.Ordinal)
                || flag.Contains(' ', StringComparison.Ordinal)
            )
            {
                rest.Add(args[i]);
            }
            else if (equals >= 0)
            {
                keys.Add(new(flag[2..], args[i][(equals + 1)..]));
            }
            else
            {
                keys.Add(new(flag[2..], i + 1 < args.Length ? args[++i] : ""));
            }
        }
        return [.. rest];
    }
}
