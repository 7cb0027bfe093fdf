using System.Text.Json.Nodes;

namespace Inkstone.Training;

/// <summary>How much of the wanted JSON the answer is, from 0 to 1: names and places that agree over those of both. 0 where the answer is
/// no JSON.</summary>
internal static class JsonEquals
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string field = s.Text("field", "answer")!;
        bool partial = s.Flag("partial", true);
        return _ => new EachReward(a =>
        {
            if (
                a.Row[field] is not { } wanted
                || (wanted is JsonValue value && value.TryGetValue(out string? text) && !JsonAnswer.TryParse(text, out wanted!))
            )
            {
                return null;
            }
            double share = JsonAnswer.TryParse(a.Said, out JsonNode? said) ? Share(said, wanted) : 0;
            return partial || share == 1 ? share : 0;
        });
    }

    /// <summary>Objects: mean over the names of both. Arrays: mean over the places of the longer one. All else: equal or not.</summary>
    public static double Share(JsonNode? a, JsonNode? b)
    {
        switch (a, b)
        {
            case (JsonObject x, JsonObject y):
                string[] names = [.. x.Select(p => p.Key).Union(y.Select(p => p.Key))];
                return names.Length == 0 ? 1 : names.Sum(n => x.ContainsKey(n) && y.ContainsKey(n) ? Share(x[n], y[n]) : 0) / names.Length;
            case (JsonArray x, JsonArray y):
                int longer = Math.Max(x.Count, y.Count);
                return longer == 0 ? 1 : Enumerable.Range(0, Math.Min(x.Count, y.Count)).Sum(i => Share(x[i], y[i])) / longer;
            default:
                return JsonNode.DeepEquals(a, b) ? 1 : 0;
        }
    }
}
