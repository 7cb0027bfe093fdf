using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inkstone.Evaluation;

/// <summary>The JSON of an answer.</summary>
internal static partial class AnswerText
{
    /// <summary>The value, behind at most one fence of three backticks, or null where it is none.</summary>
    public static JsonElement? Parse(string answer)
    {
        string text = answer.Trim();
        Match fenced = Fence().Match(text);
        return Json(fenced.Success ? fenced.Groups[1].Value : text);
    }

    /// <summary>Whether the answer is JSON as it stands.</summary>
    public static bool IsJson(string answer) => Json(answer) is not null;

    /// <summary>The text of a string, or null where it holds half a surrogate pair.</summary>
    public static string? Text(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonElement? Json(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 512 });
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\A```(?:json)?\s*(.*?)\s*```\z", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Fence();
}
