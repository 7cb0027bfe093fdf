namespace Inkstone.Grammar;

/// <summary>A grammar asks for what cannot be held, or is not well written. The message is one sentence that names the place.</summary>
public sealed class GrammarException : ArgumentException
{
    /// <summary>A fault without a place.</summary>
    public GrammarException() { }

    /// <inheritdoc cref="GrammarException(string, string?, string?)"/>
    public GrammarException(string message)
        : base(message) { }

    /// <inheritdoc cref="GrammarException(string, string?, string?)"/>
    public GrammarException(string message, Exception? inner)
        : base(message, inner) { }

    /// <param name="message">one sentence</param>
    /// <param name="keyword">the keyword of a JSON Schema that is not supported</param>
    /// <param name="path">where it stands: a JSON pointer with # before it</param>
    public GrammarException(string message, string? keyword, string? path)
        : base(message) => (Keyword, Path) = (keyword, path);

    /// <summary>The keyword of a JSON Schema that is not supported; null where the fault is another.</summary>
    public string? Keyword { get; }

    /// <summary>Where it stands: a JSON pointer with # before it.</summary>
    public string? Path { get; }
}
