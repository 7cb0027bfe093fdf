namespace Inkstone.Jinja;

/// <summary>Reads what operators stand between: literals, names, and what may follow them: members, items, calls, filters and
/// tests.</summary>
internal sealed class OperandParser(TemplateTokens tokens, ExpressionParser expressions, TemplateOptions options)
{
    public Expression Primary()
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
                Expression inner = expressions.ReadTuple(inParentheses: true);
                tokens.ExpectOperator(")");
                return inner;
            case TemplateTokenKind.Operator when token.Text == "[":
                return new ListExpression(Until("]", () => expressions.Read()), token.Line);
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
                expressions.SpecialNames.Add(token.Text);
                break;
        }
        return new NameExpression(token.Text, token.Line);
    }

    private KeyValuePair<Expression, Expression> Pair()
    {
        Expression key = expressions.Read();
        tokens.ExpectOperator(":");
        return new(key, expressions.Read());
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

    public Expression Postfixes(Expression value)
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
            TemplateTokenKind.Number when token.Number is IntValue => new ItemExpression(
                target,
                new ConstantExpression(token.Number, line),
                line
            ),
            _ => throw new TemplateFault($"expected a name or a whole number behind '.', found {token.Described}", token.Line),
        };
    }

    private Expression Subscript(Expression target, int line)
    {
        if (tokens.SkipOperator("]"))
        {
            return new ItemExpression(target, new TupleExpression([], line), line); // jinja2 reads no key as the empty tuple
        }
        Expression? start = tokens.Current.IsOperator(":") ? null : expressions.Read();
        if (tokens.SkipOperator(":"))
        {
            Expression? stop = AtSliceEnd() || tokens.Current.IsOperator(":") ? null : expressions.Read();
            Expression? step = tokens.SkipOperator(":") && !AtSliceEnd() ? expressions.Read() : null;
            tokens.ExpectOperator("]");
            return new SliceExpression(target, start, stop, step, line);
        }
        List<Expression> keys = [start!];
        while (tokens.SkipOperator(","))
        {
            keys.Add(expressions.Read());
        }
        tokens.ExpectOperator("]");
        return new ItemExpression(target, keys.Count == 1 ? keys[0] : new TupleExpression(keys, line), line);
    }

    private bool AtSliceEnd() => tokens.Current.IsOperator("]");

    private CallArguments Arguments()
    {
        int line = tokens.Current.Line;
        tokens.ExpectOperator("(");
        List<Expression> positional = [];
        List<KeyValuePair<string, Expression>> named = [];
        Expression? spread = null,
            namedSpread = null;
        Until(
            ")",
            () =>
            {
                if (tokens.SkipOperator("*"))
                {
                    Ensure(spread is null && namedSpread is null);
                    spread = expressions.Read();
                }
                else if (tokens.SkipOperator("**"))
                {
                    Ensure(namedSpread is null);
                    namedSpread = expressions.Read();
                }
                else if (tokens.Current.Kind == TemplateTokenKind.Name && tokens.Following.IsOperator("="))
                {
                    Ensure(namedSpread is null);
                    string name = tokens.Next().Text;
                    tokens.Next();
                    Ensure(!named.Exists(n => n.Key == name));
                    named.Add(new(name, expressions.Read()));
                }
                else
                {
                    Ensure(spread is null && namedSpread is null && named.Count == 0);
                    positional.Add(expressions.Read());
                }
                return true;
            }
        );
        return positional.Count + named.Count == 0 && spread is null && namedSpread is null
            ? CallArguments.None
            : new(positional, named, spread, namedSpread);

        void Ensure(bool right)
        {
            if (!right)
            {
                throw new TemplateFault("the arguments of a call must be positional ones, then named ones, each name once", line);
            }
        }
    }

    public Expression FiltersAndTests(Expression value)
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
            if (options.Filter(name) is null)
            {
                expressions.UnknownNames.Add(new TemplateFault($"there is no filter named '{name}'", line));
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
            expressions.UnknownNames.Add(new TemplateFault($"there is no test named '{name}'", line));
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

    private static bool BeginsOperand(TemplateToken token) =>
        token.Kind switch
        {
            TemplateTokenKind.Name => token.Text is not ("else" or "or" or "and"),
            TemplateTokenKind.String or TemplateTokenKind.Number => true,
            _ => token.IsOperator("[") || token.IsOperator("{"),
        };
}
