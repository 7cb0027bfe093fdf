using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Training;

/// <summary>1 where the last number of the answer is the last number of what the record says, else 0: "so it is 1,234." equals "####
/// 1234".</summary>
internal static partial class NumberEquals
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string field = s.Text("field", "answer")!;
        double tolerance = s.Number("tolerance", 0, 0, double.MaxValue);
        return _ => new EachReward(a =>
            a.Wanted(field) is { } text && Last(text) is { } wanted
                ? Last(a.Said) is { } said && Math.Abs(said - wanted) <= tolerance
                    ? 1
                    : 0
                : null
        );
    }

    /// <summary>The last number of a text, or null. A dash behind a digit, letter or bracket is a minus between two numbers and no
    /// sign.</summary>
    public static double? Last(string text)
    {
        Match? last = Numbers().Matches(text).LastOrDefault();
        return
            last is not null
            && double.TryParse(
                last.Value.Replace('−', '-').Replace(",", "", StringComparison.Ordinal),
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out double value
            )
            ? value
            : null;
    }

    [GeneratedRegex(@"((?<![\p{L}\p{Nd})])[-−])?([0-9]{1,3}(,[0-9]{3})+(?![0-9])|[0-9]+)(\.[0-9]+)?([eE][-+]?[0-9]+)?")]
    private static partial Regex Numbers();
}
