namespace Inkstone.Jinja;

/// <summary>The tokens of a template, read one after the other with one token of foresight.</summary>
internal sealed class TemplateTokens(IReadOnlyList<TemplateToken> tokens)
{
    private int _at;

    public TemplateToken Current => tokens[_at];

    public TemplateToken Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    /// <summary>Returns the current token and goes on; the end stays.</summary>
    public TemplateToken Next()
    {
        TemplateToken token = tokens[_at];
        _at = Math.Min(_at + 1, tokens.Count - 1);
        return token;
    }

    public bool SkipName(string name)
    {
        bool skip = Current.IsName(name);
        if (skip)
        {
            Next();
        }
        return skip;
    }

    public bool SkipOperator(string name)
    {
        bool skip = Current.IsOperator(name);
        if (skip)
        {
            Next();
        }
        return skip;
    }

    public TemplateToken Expect(TemplateTokenKind kind, string wanted) => Current.Kind == kind ? Next() : throw Unexpected(wanted);

    public void ExpectOperator(string name)
    {
        if (!SkipOperator(name))
        {
            throw Unexpected($"'{name}'");
        }
    }

    public void ExpectName(string name)
    {
        if (!SkipName(name))
        {
            throw Unexpected($"'{name}'");
        }
    }

    public string ExpectName() => Expect(TemplateTokenKind.Name, "a name").Text;

    public TemplateFault Unexpected(string wanted) => new($"expected {wanted}, found {Current.Described}", Current.Line);
}
