namespace Inkstone.Jinja;

/// <summary>A node that does something.</summary>
internal abstract record Statement(int Line);

internal sealed record TextStatement(string Text, int Line) : Statement(Line);

/// <summary><c>{{ … }}</c>.</summary>
internal sealed record OutputStatement(Expression Value, int Line) : Statement(Line);

internal sealed record IfStatement(
    IReadOnlyList<KeyValuePair<Expression, IReadOnlyList<Statement>>> Branches,
    IReadOnlyList<Statement> Else,
    int Line
) : Statement(Line);

internal sealed record ForStatement(
    Target Target,
    Expression Items,
    Expression? Filter,
    bool Recursive,
    IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Else,
    int Line
) : Statement(Line);

internal sealed record BreakStatement(int Line) : Statement(Line);

internal sealed record ContinueStatement(int Line) : Statement(Line);

internal sealed record SetStatement(Target Target, Expression Value, int Line) : Statement(Line);

/// <summary><c>{% set x %}…{% endset %}</c>.</summary>
internal sealed record SetBlockStatement(Target Target, FilterExpression? Filter, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record MacroStatement(MacroDefinition Macro, int Line) : Statement(Line);

/// <summary><c>{% call(…) macro(…) %}…{% endcall %}</c>: the body becomes the macro's <c>caller</c>.</summary>
internal sealed record CallBlockStatement(CallExpression Call, MacroDefinition Caller, int Line) : Statement(Line);

internal sealed record FilterBlockStatement(FilterExpression Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record WithStatement(IReadOnlyList<KeyValuePair<Target, Expression>> Names, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

/// <summary>A body with names of its own: <c>{% block %}</c>.</summary>
internal sealed record ScopeStatement(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary><c>{% generation %}</c>: marks what an assistant says.</summary>
internal sealed record GenerationStatement(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary>A macro; which of the special names its body reads decides what it may be called with.</summary>
internal sealed record MacroDefinition(
    string? Name,
    IReadOnlyList<string> Parameters,
    IReadOnlyList<Expression> Defaults,
    IReadOnlyList<Statement> Body,
    bool TakesMore,
    bool TakesMoreNamed,
    bool TakesCaller
);

/// <summary>What a value can be assigned to.</summary>
internal abstract record Target;

internal sealed record NameTarget(string Name) : Target;

internal sealed record TupleTarget(IReadOnlyList<Target> Items) : Target;

internal sealed record NamespaceTarget(string Name, string Attribute) : Target;
