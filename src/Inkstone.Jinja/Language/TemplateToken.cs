namespace Inkstone.Jinja;

internal enum TemplateTokenKind
{
    Text,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Number,
    Operator,
    End,
}

/// <summary>A piece of template source; numbers carry their value.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line, Value? Number = null)
{
    public bool IsName(string name) => Kind == TemplateTokenKind.Name && Text == name;

    public bool IsOperator(string name) => Kind == TemplateTokenKind.Operator && Text == name;

    public string Described =>
        Kind switch
        {
            TemplateTokenKind.Text => "text outside of a tag",
            TemplateTokenKind.VariableBegin => "'{{'",
            TemplateTokenKind.VariableEnd => "'}}'",
            TemplateTokenKind.BlockBegin => "'{%'",
            TemplateTokenKind.BlockEnd => "'%}'",
            TemplateTokenKind.End => "the end of the template",
            TemplateTokenKind.String => "a text",
            _ => $"'{Text}'",
        };
}
