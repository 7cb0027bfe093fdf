namespace Inkstone.Jinja;

/// <summary>HTML escaping, as far as templates ask for it: nothing is escaped unless a filter says so.</summary>
internal static class Markup
{
    /// <summary>Markup stays as it is, everything else is escaped and becomes markup.</summary>
    public static StringValue Escape(Value value) => value is StringValue { IsMarkup: true } markup ? markup : Force(value.Text);

    public static StringValue Force(string text) =>
        new(
            text.Replace("&", "&amp;", StringComparison.Ordinal)
                .Replace(">", "&gt;", StringComparison.Ordinal)
                .Replace("<", "&lt;", StringComparison.Ordinal)
                .Replace("'", "&#39;", StringComparison.Ordinal)
                .Replace("\"", "&#34;", StringComparison.Ordinal),
            isMarkup: true
        );
}
