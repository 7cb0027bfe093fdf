using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Inkstone.Training;

/// <summary>The JSON that an answer is, or that stands in its only block of code.</summary>
internal static partial class JsonAnswer
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads it; false where the answer is none. The node of null is null.</summary>
    public static bool TryParse(string text, out JsonNode? node)
    {
        Match fence = Fence().Match(text);
        try
        {
            node = JsonNode.Parse(fence.Success ? fence.Groups[1].Value : text, null, Strict);
            return true;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            node = null;
            return false;
        }
    }

    [GeneratedRegex(@"\A\s*```[A-Za-z]*\r?\n((?:(?!```).)*)```\s*\z", RegexOptions.Singleline)]
    private static partial Regex Fence();
}

/// <summary>1 where the answer is JSON, else 0.</summary>
internal static class JsonParses
{
    public static Func<RewardSetting, IReward> From(RecipeSection s) =>
        _ => new EachReward(a => JsonAnswer.TryParse(a.Said, out JsonNode? _) ? 1 : 0);
}
