using System.Runtime.CompilerServices;

namespace Inkstone.Jinja;

/// <summary>Reads expressions. Precedence from low to high: if-else, or, and, not, comparisons, + -, ~, * / // %, signs and **, postfixes,
/// filters and tests.</summary>
internal sealed class ExpressionParser
{
    private readonly TemplateTokens _tokens;
    private readonly OperandParser _operands;

    public ExpressionParser(TemplateTokens tokens, TemplateOptions options) =>
        (_tokens, _operands) = (tokens, new OperandParser(tokens, this, options));

    /// <summary>Which of the names caller, varargs and kwargs were read since this was last replaced.</summary>
    public HashSet<string> SpecialNames { get; set; } = [];

    /// <summary>Filters and tests that do not exist: a mistake, unless a condition stands before them.</summary>
    public List<TemplateFault> UnknownNames { get; } = [];

    public Expression Read(bool withCondition = true)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return withCondition ? Conditional() : Or();
    }

    /// <summary>An expression, or a tuple when there are commas.</summary>
    public Expression ReadTuple(bool withCondition = true, string? endsBefore = null, bool inParentheses = false)
    {
        int line = _tokens.Current.Line;
        List<Expression> items = [];
        bool tuple = false;
        while (!AtTupleEnd(endsBefore))
        {
            items.Add(Read(withCondition));
            if (!_tokens.SkipOperator(","))
            {
                break;
            }
            tuple = true;
        }
        return tuple || (items.Count == 0 && inParentheses) ? new TupleExpression(items, line)
            : items.Count == 1 ? items[0]
            : throw _tokens.Unexpected("an expression");
    }

    /// <summary><c>| name(…) | …</c>; with <paramref name="startInline"/> the first bar is left out.</summary>
    public Expression? ReadFilters(Expression? value, bool startInline = false) => _operands.ReadFilters(value, startInline);

    /// <summary>One or several names to assign to; <paramref name="withNamespace"/> allows <c>ns.name</c>.</summary>
    public Target ReadTarget(string? endsBefore = null, bool withNamespace = false)
    {
        List<Target> items = [];
        bool tuple = false;
        while (!AtTupleEnd(endsBefore))
        {
            items.Add(OneTarget(withNamespace));
            if (!_tokens.SkipOperator(","))
            {
                break;
            }
            tuple = true;
        }
        return tuple ? new TupleTarget(items)
            : items.Count == 1 ? items[0]
            : throw _tokens.Unexpected("a name to assign to");
    }

    private Target OneTarget(bool withNamespace)
    {
        if (withNamespace && _tokens.Current.Kind == TemplateTokenKind.Name && _tokens.Following.IsOperator("."))
        {
            string name = _tokens.Next().Text;
            _tokens.Next();
            return new NamespaceTarget(name, _tokens.ExpectName());
        }
        return AsTarget(_operands.Primary());
    }

    private static Target AsTarget(Expression e) =>
        e switch
        {
            NameExpression name => new NameTarget(name.Name),
            TupleExpression tuple => new TupleTarget([.. tuple.Items.Select(AsTarget)]),
            _ => throw new TemplateFault("only names can be assigned to", e.Line),
        };

    private bool AtTupleEnd(string? endsBefore) =>
        _tokens.Current.Kind is TemplateTokenKind.VariableEnd or TemplateTokenKind.BlockEnd
        || _tokens.Current.IsOperator(")")
        || (endsBefore is not null && _tokens.Current.IsName(endsBefore));

    private Expression Conditional()
    {
        int line = _tokens.Current.Line,
            unknown = UnknownNames.Count;
        Expression value = Or();
        while (_tokens.SkipName("if"))
        {
            Expression condition = Or();
            Expression? otherwise = _tokens.SkipName("else") ? Read() : null;
            value = new ConditionalExpression(condition, value, otherwise, line);
            UnknownNames.RemoveRange(unknown, UnknownNames.Count - unknown);
        }
        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        while (_tokens.Current.IsName("or"))
        {
            int line = _tokens.Next().Line;
            left = new OrExpression(left, And(), line);
        }
        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        while (_tokens.Current.IsName("and"))
        {
            int line = _tokens.Next().Line;
            left = new AndExpression(left, Not(), line);
        }
        return left;
    }

    private Expression Not()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        int line = _tokens.Current.Line;
        return _tokens.SkipName("not") ? new NotExpression(Not(), line) : Compare();
    }

    private Expression Compare()
    {
        int line = _tokens.Current.Line;
        Expression first = Sum();
        List<KeyValuePair<string, Expression>> rest = [];
        while (true)
        {
            TemplateToken token = _tokens.Current;
            if (token.Kind == TemplateTokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                _tokens.Next();
                rest.Add(new(token.Text, Sum()));
            }
            else if (_tokens.SkipName("in"))
            {
                rest.Add(new("in", Sum()));
            }
            else if (token.IsName("not") && _tokens.Following.IsName("in"))
            {
                _tokens.Next();
                _tokens.Next();
                rest.Add(new("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first, rest, line);
            }
        }
    }

    private Expression Sum()
    {
        Expression left = Concat();
        while (_tokens.Current.IsOperator("+") || _tokens.Current.IsOperator("-"))
        {
            TemplateToken token = _tokens.Next();
            left = new BinaryExpression(token.Text, left, Concat(), token.Line);
        }
        return left;
    }

    private Expression Concat()
    {
        int line = _tokens.Current.Line;
        List<Expression> items = [Product()];
        while (_tokens.SkipOperator("~"))
        {
            items.Add(Product());
        }
        return items.Count == 1 ? items[0] : new ConcatExpression(items, line);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (_tokens.Current is { Kind: TemplateTokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            TemplateToken token = _tokens.Next();
            left = new BinaryExpression(token.Text, left, Power(), token.Line);
        }
        return left;
    }

    /// <summary>Jinja's power binds to the left, unlike Python's.</summary>
    private Expression Power()
    {
        Expression left = Unary(withFilters: true);
        while (_tokens.Current.IsOperator("**"))
        {
            TemplateToken token = _tokens.Next();
            left = new BinaryExpression(token.Text, left, Unary(withFilters: true), token.Line);
        }
        return left;
    }

    private Expression Unary(bool withFilters)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        TemplateToken token = _tokens.Current;
        Expression value;
        if (token.IsOperator("-") || token.IsOperator("+"))
        {
            _tokens.Next();
            value = new SignExpression(token.Text == "-", Unary(withFilters: false), token.Line);
        }
        else
        {
            value = _operands.Primary();
        }
        value = _operands.Postfixes(value);
        return withFilters ? _operands.FiltersAndTests(value) : value;
    }
}
