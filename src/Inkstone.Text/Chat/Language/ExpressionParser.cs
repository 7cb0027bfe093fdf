using System.Runtime.CompilerServices;

namespace Inkstone.Text;

/// <summary>Reads expressions. Precedence from low to high: if-else, or, and, not, comparisons, + -, ~, * / // %, signs and **, postfixes, filters and tests.</summary>
internal sealed class ExpressionParser(TemplateTokens tokens)
{
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
        int line = tokens.Current.Line;
        List<Expression> items = [];
        bool tuple = false;
        while (!AtTupleEnd(endsBefore))
        {
            items.Add(Read(withCondition));
            if (!tokens.SkipOperator(","))
            {
                break;
            }
            tuple = true;
        }
        return tuple || (items.Count == 0 && inParentheses) ? new TupleExpression(items, line)
            : items.Count == 1 ? items[0] : throw tokens.Unexpected("an expression");
    }

    /// <summary>One or several names to assign to; <paramref name="withNamespace"/> allows <c>ns.name</c>.</summary>
    public Target ReadTarget(string? endsBefore = null, bool withNamespace = false)
    {
        List<Target> items = [];
        bool tuple = false;
        while (!AtTupleEnd(endsBefore))
        {
            items.Add(OneTarget(withNamespace));
            if (!tokens.SkipOperator(","))
            {
                break;
            }
            tuple = true;
        }
        return tuple ? new TupleTarget(items) : items.Count == 1 ? items[0] : throw tokens.Unexpected("a name to assign to");
    }

    private Target OneTarget(bool withNamespace)
    {
        if (withNamespace && tokens.Current.Kind == TemplateTokenKind.Name && tokens.Following.IsOperator("."))
        {
            string name = tokens.Next().Text;
            tokens.Next();
            return new NamespaceTarget(name, tokens.ExpectName());
        }
        return AsTarget(Primary());
    }

    private static Target AsTarget(Expression e) => e switch
    {
        NameExpression name => new NameTarget(name.Name),
        TupleExpression tuple => new TupleTarget([.. tuple.Items.Select(AsTarget)]),
        _ => throw new TemplateFault("only names can be assigned to", e.Line),
    };

    private bool AtTupleEnd(string? endsBefore) => tokens.Current.Kind is TemplateTokenKind.VariableEnd or TemplateTokenKind.BlockEnd
        || tokens.Current.IsOperator(")") || (endsBefore is not null && tokens.Current.IsName(endsBefore));

    private Expression Conditional()
    {
        int line = tokens.Current.Line, unknown = UnknownNames.Count;
        Expression value = Or();
        while (tokens.SkipName("if"))
        {
            Expression condition = Or();
            Expression? otherwise = tokens.SkipName("else") ? Read() : null;
            value = new ConditionalExpression(condition, value, otherwise, line);
            UnknownNames.RemoveRange(unknown, UnknownNames.Count - unknown);
        }
        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        while (tokens.Current.IsName("or"))
        {
            int line = tokens.Next().Line;
            left = new OrExpression(left, And(), line);
        }
        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        while (tokens.Current.IsName("and"))
        {
            int line = tokens.Next().Line;
            left = new AndExpression(left, Not(), line);
        }
        return left;
    }

    private Expression Not()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        int line = tokens.Current.Line;
        return tokens.SkipName("not") ? new NotExpression(Not(), line) : Compare();
    }

    private Expression Compare()
    {
        int line = tokens.Current.Line;
        Expression first = Sum();
        List<KeyValuePair<string, Expression>> rest = [];
        while (true)
        {
            TemplateToken token = tokens.Current;
            if (token.Kind == TemplateTokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                tokens.Next();
                rest.Add(new(token.Text, Sum()));
            }
            else if (tokens.SkipName("in"))
            {
                rest.Add(new("in", Sum()));
            }
            else if (token.IsName("not") && tokens.Following.IsName("in"))
            {
                tokens.Next();
                tokens.Next();
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
        while (tokens.Current.IsOperator("+") || tokens.Current.IsOperator("-"))
        {
            TemplateToken token = tokens.Next();
            left = new BinaryExpression(token.Text, left, Concat(), token.Line);
        }
        return left;
    }

    private Expression Concat()
    {
        int line = tokens.Current.Line;
        List<Expression> items = [Product()];
        while (tokens.SkipOperator("~"))
        {
            items.Add(Product());
        }
        return items.Count == 1 ? items[0] : new ConcatExpression(items, line);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (tokens.Current is { Kind: TemplateTokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            TemplateToken token = tokens.Next();
            left = new BinaryExpression(token.Text, left, Power(), token.Line);
        }
        return left;
    }

    /// <summary>Jinja's power binds to the left, unlike Python's.</summary>
    private Expression Power()
    {
        Expression left = Unary(withFilters: true);
        while (tokens.Current.IsOperator("**"))
        {
            TemplateToken token = tokens.Next();
            left = new BinaryExpression(token.Text, left, Unary(withFilters: true), token.Line);
        }
        return left;
    }

    private Expression Unary(bool withFilters)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        TemplateToken token = tokens.Current;
        Expression value;
        if (token.IsOperator("-") || token.IsOperator("+"))
        {
            tokens.Next();
            value = new SignExpression(token.Text == "-", Unary(withFilters: false), token.Line);
        }
        else
        {
            value = Primary();
        }
        value = Postfixes(value);
        return withFilters ? FiltersAndTests(value) : value;
    }

    private Expression Primary()
    {
        TemplateToken token = tokens.Next();
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                return OfName(token);
            case TemplateTokenKind.Number:
                return new ConstantExpression(token.Number!, token.Line);
            case TemplateTokenKind.String:
                string text = token.Text;
                while (tokens.Current.Kind == TemplateTokenKind.String)
                {
                    text += tokens.Next().Text;
                }
                return new ConstantExpression(new StringValue(text), token.Line);
            case TemplateTokenKind.Operator when token.Text == "(":
                Expression inner = ReadTuple(inParentheses: true);
                tokens.ExpectOperator(")");
                return inner;
            case TemplateTokenKind.Operator when token.Text == "[":
                return new ListExpression(Until("]", () => Read()), token.Line);
            case TemplateTokenKind.Operator when token.Text == "{":
                return new DictExpression(Until("}", Pair), token.Line);
            default:
                throw new TemplateFault($"unexpected {token.Described}", token.Line);
        }
    }

    private Expression OfName(TemplateToken token)
    {
        switch (token.Text)
        {
            case "true" or "True":
                return new ConstantExpression(BoolValue.True, token.Line);
            case "false" or "False":
                return new ConstantExpression(BoolValue.False, token.Line);
            case "none" or "None":
                return new ConstantExpression(NoneValue.None, token.Line);
            case "caller" or "varargs" or "kwargs":
                SpecialNames.Add(token.Text);
                break;
        }
        return new NameExpression(token.Text, token.Line);
    }

    private KeyValuePair<Expression, Expression> Pair()
    {
        Expression key = Read();
        tokens.ExpectOperator(":");
        return new(key, Read());
    }

    /// <summary>Things with commas between them; a comma may end them.</summary>
    private List<T> Until<T>(string end, Func<T> read)
    {
        List<T> items = [];
        while (!tokens.SkipOperator(end))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(end))
                {
                    break;
                }
            }
            items.Add(read());
        }
        return items;
    }

    private Expression Postfixes(Expression value)
    {
        while (true)
        {
            int line = tokens.Current.Line;
            if (tokens.SkipOperator("."))
            {
                value = Member(value, line);
            }
            else if (tokens.SkipOperator("["))
            {
                value = Subscript(value, line);
            }
            else if (tokens.Current.IsOperator("("))
            {
                value = new CallExpression(value, Arguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression Member(Expression target, int line)
    {
        TemplateToken token = tokens.Next();
        return token.Kind switch
        {
            TemplateTokenKind.Name => new MemberExpression(target, token.Text, line),
            TemplateTokenKind.Number when token.Number is IntValue => new ItemExpression(target, new ConstantExpression(token.Number, line), line),
            _ => throw new TemplateFault($"expected a name or a whole number behind '.', found {token.Described}", token.Line),
        };
    }

    private Expression Subscript(Expression target, int line)
    {
        Expression? start = tokens.Current.IsOperator(":") ? null : Read();
        if (tokens.SkipOperator(":"))
        {
            Expression? stop = AtSliceEnd() || tokens.Current.IsOperator(":") ? null : Read();
            Expression? step = tokens.SkipOperator(":") && !AtSliceEnd() ? Read() : null;
            tokens.ExpectOperator("]");
            return new SliceExpression(target, start, stop, step, line);
        }
        if (tokens.SkipOperator("]"))
        {
            return new ItemExpression(target, start!, line);
        }
        tokens.ExpectOperator(",");
        return new ItemExpression(target, new TupleExpression([start!, .. Until("]", () => Read())], line), line);
    }

    private bool AtSliceEnd() => tokens.Current.IsOperator("]");

    private CallArguments Arguments()
    {
        int line = tokens.Current.Line;
        tokens.ExpectOperator("(");
        List<Expression> positional = [];
        List<KeyValuePair<string, Expression>> named = [];
        Expression? spread = null, namedSpread = null;
        Until(")", () =>
        {
            if (tokens.SkipOperator("*"))
            {
                Ensure(spread is null && namedSpread is null);
                spread = Read();
            }
            else if (tokens.SkipOperator("**"))
            {
                Ensure(namedSpread is null);
                namedSpread = Read();
            }
            else if (tokens.Current.Kind == TemplateTokenKind.Name && tokens.Following.IsOperator("="))
            {
                Ensure(namedSpread is null);
                string name = tokens.Next().Text;
                tokens.Next();
                Ensure(!named.Exists(n => n.Key == name));
                named.Add(new(name, Read()));
            }
            else
            {
                Ensure(spread is null && namedSpread is null && named.Count == 0);
                positional.Add(Read());
            }
            return true;
        });
        return positional.Count + named.Count == 0 && spread is null && namedSpread is null ? CallArguments.None : new(positional, named, spread, namedSpread);

        void Ensure(bool right)
        {
            if (!right)
            {
                throw new TemplateFault("the arguments of a call must be positional ones, then named ones, each name once", line);
            }
        }
    }

    private Expression FiltersAndTests(Expression value)
    {
        while (true)
        {
            if (tokens.Current.IsOperator("|"))
            {
                value = ReadFilters(value)!;
            }
            else if (tokens.Current.IsName("is"))
            {
                value = Test(value);
            }
            else if (tokens.Current.IsOperator("("))
            {
                int line = tokens.Current.Line;
                value = new CallExpression(value, Arguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    /// <summary><c>| name(…) | …</c>; with <paramref name="startInline"/> the first bar is left out.</summary>
    public Expression? ReadFilters(Expression? value, bool startInline = false)
    {
        while (startInline || tokens.SkipOperator("|"))
        {
            startInline = false;
            int line = tokens.Current.Line;
            string name = DottedName();
            if (!Filters.Exists(name))
            {
                UnknownNames.Add(new TemplateFault($"there is no filter named '{name}'", line));
            }
            value = new FilterExpression(value, name, tokens.Current.IsOperator("(") ? Arguments() : CallArguments.None, line);
        }
        return value;
    }

    private string DottedName()
    {
        string name = tokens.ExpectName();
        while (tokens.SkipOperator("."))
        {
            name += "." + tokens.ExpectName();
        }
        return name;
    }

    private Expression Test(Expression value)
    {
        int line = tokens.Next().Line;
        bool negated = tokens.SkipName("not");
        string name = DottedName();
        if (!Tests.Exists(name))
        {
            UnknownNames.Add(new TemplateFault($"there is no test named '{name}'", line));
        }
        CallArguments arguments = CallArguments.None;
        if (tokens.Current.IsOperator("("))
        {
            arguments = Arguments();
        }
        else if (BeginsOperand(tokens.Current))
        {
            if (tokens.Current.IsName("is"))
            {
                throw new TemplateFault("tests cannot be chained with 'is'; join them with 'and'", line);
            }
            arguments = new([Postfixes(Primary())], []);
        }
        Expression test = new TestExpression(value, name, arguments, line);
        return negated ? new NotExpression(test, line) : test;
    }

    private static bool BeginsOperand(TemplateToken token) => token.Kind switch
    {
        TemplateTokenKind.Name => token.Text is not ("else" or "or" or "and"),
        TemplateTokenKind.String or TemplateTokenKind.Number => true,
        _ => token.IsOperator("[") || token.IsOperator("{"),
    };
}
