using System.Text.RegularExpressions;

namespace Inkstone.Training;

/// <summary>1 where a regular expression is found in the answer, else 0; nothing where it takes longer than a second.</summary>
internal static class RegexReward
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string pattern = s.RequiredText("pattern");
        Regex? regex = null;
        string fault = "";
        try
        {
            regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Singleline, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException e)
        {
            fault = e.Message;
        }
        s.Require(regex is not null, "pattern", $"is no regular expression: {fault}");
        return _ => new EachReward(a =>
        {
            try
            {
                return regex!.IsMatch(a.Answer) ? 1 : 0;
            }
            catch (RegexMatchTimeoutException)
            {
                return null;
            }
        });
    }
}
