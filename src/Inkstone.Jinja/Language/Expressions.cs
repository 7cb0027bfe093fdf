namespace Inkstone.Jinja;

/// <summary>A node that has a value.</summary>
internal abstract record Expression(int Line);

internal sealed record ConstantExpression(Value Value, int Line) : Expression(Line);

internal sealed record NameExpression(string Name, int Line) : Expression(Line);

internal sealed record ListExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record TupleExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record DictExpression(IReadOnlyList<KeyValuePair<Expression, Expression>> Pairs, int Line) : Expression(Line);

/// <summary><c>+x</c> or <c>-x</c>.</summary>
internal sealed record SignExpression(bool Negative, Expression Operand, int Line) : Expression(Line);

internal sealed record NotExpression(Expression Operand, int Line) : Expression(Line);

internal sealed record AndExpression(Expression Left, Expression Right, int Line) : Expression(Line);

internal sealed record OrExpression(Expression Left, Expression Right, int Line) : Expression(Line);

internal sealed record BinaryExpression(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

/// <summary>Operands joined as texts with <c>~</c>.</summary>
internal sealed record ConcatExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

/// <summary>A chain such as <c>a &lt; b &lt;= c</c>; operators are those of Python, <c>in</c> and <c>not in</c> included.</summary>
internal sealed record CompareExpression(Expression First, IReadOnlyList<KeyValuePair<string, Expression>> Rest, int Line)
    : Expression(Line);

internal sealed record ConditionalExpression(Expression Condition, Expression Then, Expression? Else, int Line) : Expression(Line);

/// <summary><c>x.name</c>.</summary>
internal sealed record MemberExpression(Expression Target, string Name, int Line) : Expression(Line);

/// <summary><c>x[key]</c>.</summary>
internal sealed record ItemExpression(Expression Target, Expression Key, int Line) : Expression(Line);

/// <summary><c>x[start:stop:step]</c>.</summary>
internal sealed record SliceExpression(Expression Target, Expression? Start, Expression? Stop, Expression? Step, int Line)
    : Expression(Line);

internal sealed record CallExpression(Expression Target, CallArguments Arguments, int Line) : Expression(Line);

/// <summary><c>x | name(…)</c>; a filter block has no <c>x</c> of its own.</summary>
internal sealed record FilterExpression(Expression? Target, string Name, CallArguments Arguments, int Line) : Expression(Line);

/// <summary><c>x is name(…)</c>.</summary>
internal sealed record TestExpression(Expression Target, string Name, CallArguments Arguments, int Line) : Expression(Line);

/// <summary>What stands in the parentheses of a call; <c>*list</c> and <c>**dict</c> included.</summary>
internal sealed record CallArguments(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<KeyValuePair<string, Expression>> Named,
    Expression? Spread = null,
    Expression? NamedSpread = null
)
{
    public static readonly CallArguments None = new([], []);
}
