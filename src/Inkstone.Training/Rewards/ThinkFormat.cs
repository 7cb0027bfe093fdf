namespace Inkstone.Training;

/// <summary>1 where the answer is thoughts between &lt;think&gt; and &lt;/think&gt;, once, with something behind them; else 0. A prompt
/// that ends in &lt;think&gt; has opened them.</summary>
internal static class ThinkFormat
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string open = s.Text("open", "<think>")!,
            close = s.Text("close", "</think>")!;
        return _ => new EachReward(a =>
        {
            string text = a.Prompt.TrimEnd().EndsWith(open, StringComparison.Ordinal) ? open + a.Answer : a.Answer.TrimStart();
            int end = text.IndexOf(close, StringComparison.Ordinal);
            bool once =
                text.StartsWith(open, StringComparison.Ordinal)
                && text.IndexOf(open, open.Length, StringComparison.Ordinal) < 0
                && end > 0
                && text.IndexOf(close, end + close.Length, StringComparison.Ordinal) < 0;
            return once && !string.IsNullOrWhiteSpace(text[open.Length..end]) && !string.IsNullOrWhiteSpace(text[(end + close.Length)..])
                ? 1
                : 0;
        });
    }
}
