namespace Inkstone.Jinja;

/// <summary>What went wrong, without the place: whoever knows the line makes a <see cref="TemplateException"/> of it.</summary>
internal sealed class TemplateFault(string reason, int line = 0) : FormatException(reason)
{
    /// <summary>Line of the template, or 0 when the thrower does not know it.</summary>
    public int Line { get; } = line;
}
