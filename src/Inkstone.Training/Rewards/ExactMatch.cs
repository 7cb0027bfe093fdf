namespace Inkstone.Training;

/// <summary>1 where the answer is what the record says it should be, blanks around it apart; else 0.</summary>
internal static class ExactMatch
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string field = s.Text("field", "answer")!;
        StringComparison comparison = s.Flag("ignore_case", false) ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return _ => new EachReward(a =>
            a.Wanted(field) is { } wanted
                ? a.Said.Trim().Equals(wanted.Trim(), comparison)
                    ? 1
                    : 0
                : null
        );
    }
}
