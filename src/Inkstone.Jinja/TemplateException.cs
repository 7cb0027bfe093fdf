namespace Inkstone.Jinja;

/// <summary>A template that cannot be read, or that refuses its values: what, and on which line.</summary>
public sealed class TemplateException : FormatException
{
    /// <summary>A fault in <paramref name="template"/>, which is named as its reader knows it.</summary>
    public TemplateException(string template, int line, string reason, Exception? inner = null)
        : base($"{template}, line {line}: {Sentence(reason)}", inner) => (Line, Reason) = (line, reason);

    /// <summary>Line of the template, from 1.</summary>
    public int Line { get; }

    /// <summary>What is wrong; for <c>raise_exception</c> the template's own words.</summary>
    public string Reason { get; }

    private static string Sentence(string reason) => reason.Length > 0 && reason[^1] is '.' or '!' or '?' ? reason : reason + ".";
}
