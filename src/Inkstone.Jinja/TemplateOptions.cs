namespace Inkstone.Jinja;

/// <summary>How an environment of jinja2 was set up; the defaults are those of transformers' chat templates.</summary>
public sealed record TemplateOptions
{
    /// <summary>As chat templates are rendered: blocks take the line end behind them and the blanks before them, and what nobody defined
    /// prints as nothing.</summary>
    public static TemplateOptions Chat { get; } = new();

    /// <summary>The line end behind a block is dropped (trim_blocks).</summary>
    public bool TrimBlocks { get; init; } = true;

    /// <summary>Blanks before a block that begins its line are dropped (lstrip_blocks).</summary>
    public bool LeftStripBlocks { get; init; } = true;

    /// <summary>A line end at the end of the source is kept (keep_trailing_newline).</summary>
    public bool KeepTrailingNewline { get; init; }

    /// <summary>Whatever is done with an undefined name is a fault, but for asking whether it is defined and giving it a default
    /// (StrictUndefined).</summary>
    public bool StrictUndefined { get; init; }

    /// <summary>Filters beside jinja2's own, by name.</summary>
    public IReadOnlyDictionary<string, TemplateFilter> Filters { get; init; } = new Dictionary<string, TemplateFilter>();

    /// <summary>A filter of these options or of jinja2; null when there is none.</summary>
    internal Builtin? Filter(string name) => Filters.TryGetValue(name, out TemplateFilter? own) ? own.As(name) : Jinja.Filters.Find(name);
}
