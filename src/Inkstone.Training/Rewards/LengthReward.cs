using System.Globalization;

namespace Inkstone.Training;

/// <summary>1 where the answer is as long as it should be; outside it falls to 0 over <c>slack</c> more or fewer. Counted in tokens, or in
/// characters as a reader sees them.</summary>
internal static class LengthReward
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        double least = s.Number("least", 0, 0, 1e9),
            most = s.Number("most", 1e9, 0, 1e9),
            slack = s.Number("slack", 0, 0, 1e9);
        bool characters = s.Choice("unit", "tokens", "tokens", "characters") == "characters";
        s.Require(s.Has("least") || s.Has("most"), "most", "is missing: say least, most, or both");
        s.Require(least <= most, "least", "must not be above most");
        return _ => new EachReward(a =>
        {
            int length = characters ? new StringInfo(a.Answer).LengthInTextElements : a.AnswerIds.Count;
            double outside = Math.Max(0, Math.Max(least - length, length - most));
            return outside == 0 ? 1
                : slack == 0 ? 0
                : Math.Max(0, 1 - outside / slack);
        });
    }
}
