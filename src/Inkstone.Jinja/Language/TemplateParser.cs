using System.Runtime.CompilerServices;

namespace Inkstone.Jinja;

/// <summary>A template's statements, and whether any of them marks what an assistant says.</summary>
internal sealed record ParsedTemplate(IReadOnlyList<Statement> Body, bool MarksGeneration);

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    private readonly TemplateTokens _tokens;
    private readonly ExpressionParser _expressions;
    private int _loops;
    private bool _marksGeneration;

    private TemplateParser(TemplateTokens tokens, TemplateOptions options) =>
        (_tokens, _expressions) = (tokens, new ExpressionParser(tokens, options));

    public static ParsedTemplate Parse(string source, TemplateOptions options)
    {
        TemplateParser parser = new(TemplateLexer.Read(source, options), options);
        List<Statement> body = parser.Statements([]);
        return parser._expressions.UnknownNames.Count == 0 ? new(body, parser._marksGeneration) : throw parser._expressions.UnknownNames[0];
    }

    /// <summary>Statements up to a tag that ends them, which becomes the current token.</summary>
    private List<Statement> Statements(ReadOnlySpan<string> ends)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        List<Statement> body = [];
        while (true)
        {
            TemplateToken token = _tokens.Next();
            switch (token.Kind)
            {
                case TemplateTokenKind.Text:
                    body.Add(new TextStatement(token.Text, token.Line));
                    break;
                case TemplateTokenKind.VariableBegin:
                    body.Add(new OutputStatement(_expressions.ReadTuple(), token.Line));
                    _tokens.Expect(TemplateTokenKind.VariableEnd, "'}}'");
                    break;
                case TemplateTokenKind.BlockBegin:
                    if (_tokens.Current.Kind == TemplateTokenKind.Name && ends.Contains(_tokens.Current.Text))
                    {
                        return body;
                    }
                    body.Add(Statement(ends));
                    _tokens.Expect(TemplateTokenKind.BlockEnd, "'%}'");
                    break;
                default:
                    return ends.IsEmpty
                        ? body
                        : throw new TemplateFault(
                            $"the template ends where {{% {string.Join(" %} or {% ", ends)} %}} is missing",
                            token.Line
                        );
            }
        }
    }

    /// <summary>The body of a tag; the closing tag's name is the current token afterwards, or skipped when there is only one.</summary>
    private List<Statement> Body(params ReadOnlySpan<string> ends)
    {
        _tokens.SkipOperator(":");
        _tokens.Expect(TemplateTokenKind.BlockEnd, "'%}'");
        List<Statement> body = Statements(ends);
        if (ends.Length == 1)
        {
            _tokens.Next();
        }
        return body;
    }

    private Statement Statement(ReadOnlySpan<string> ends)
    {
        TemplateToken tag = _tokens.Expect(TemplateTokenKind.Name, "the name of a tag");
        int line = tag.Line;
        switch (tag.Text)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                return new MacroStatement(Macro(_tokens.ExpectName(), "endmacro"), line);
            case "call":
                return CallBlock(line);
            case "filter":
                return new FilterBlockStatement(
                    (FilterExpression)_expressions.ReadFilters(null, startInline: true)!,
                    Body("endfilter"),
                    line
                );
            case "with":
                return With(line);
            case "block":
                return Block(line);
            case "generation":
                return Generation(line);
            case "print":
                return Print(line);
            case "break" or "continue" when _loops == 0:
                throw new TemplateFault($"{{% {tag.Text} %}} stands in no loop", line);
            case "break":
                return new BreakStatement(line);
            case "continue":
                return new ContinueStatement(line);
            case "extends" or "include" or "import" or "from":
                throw new TemplateFault($"{{% {tag.Text} %}} needs other templates, and this one stands alone", line);
            default:
                string wanted = ends.IsEmpty ? "" : $"; {{% {string.Join(" %} or {% ", ends)} %}} is what is missing here";
                throw new TemplateFault($"the tag '{tag.Text}' is unknown{wanted}", line);
        }
    }

    private IfStatement If(int line)
    {
        int unknown = _expressions.UnknownNames.Count;
        List<KeyValuePair<Expression, IReadOnlyList<Statement>>> branches = [];
        IReadOnlyList<Statement> otherwise = [];
        while (true)
        {
            Expression condition = _expressions.ReadTuple(withCondition: false);
            branches.Add(new(condition, Body("elif", "else", "endif")));
            if (_tokens.SkipName("elif"))
            {
                continue;
            }
            if (_tokens.Next().Text == "else")
            {
                otherwise = Body("endif");
            }
            _expressions.UnknownNames.RemoveRange(unknown, _expressions.UnknownNames.Count - unknown);
            return new IfStatement(branches, otherwise, line);
        }
    }

    private ForStatement For(int line)
    {
        Target target = _expressions.ReadTarget(endsBefore: "in");
        if (Names(target).Contains("loop"))
        {
            throw new TemplateFault("'loop' is the name of the loop itself and cannot be that of its items", line);
        }
        _tokens.ExpectName("in");
        Expression items = _expressions.ReadTuple(withCondition: false, endsBefore: "recursive");
        Expression? filter = _tokens.SkipName("if") ? _expressions.Read() : null;
        bool recursive = _tokens.SkipName("recursive");
        _loops++;
        List<Statement> body = Body("endfor", "else");
        _loops--;
        IReadOnlyList<Statement> otherwise = _tokens.Next().Text == "else" ? Body("endfor") : [];
        return new ForStatement(target, items, filter, recursive, body, otherwise, line);
    }

    private static IEnumerable<string> Names(Target target) =>
        target is TupleTarget tuple ? tuple.Items.SelectMany(Names)
        : target is NameTarget name ? [name.Name]
        : [];

    private Statement Set(int line)
    {
        Target target = _expressions.ReadTarget(withNamespace: true);
        if (_tokens.SkipOperator("="))
        {
            return new SetStatement(target, _expressions.ReadTuple(), line);
        }
        FilterExpression? filter = (FilterExpression?)_expressions.ReadFilters(null);
        return new SetBlockStatement(target, filter, Body("endset"), line);
    }

    /// <summary>Parameters, if they are there, and the body.</summary>
    private MacroDefinition Macro(string? name, string end)
    {
        (List<string> parameters, List<Expression> defaults) = Parameters();
        return Macro(name, end, parameters, defaults);
    }

    private MacroDefinition Macro(string? name, string end, List<string> parameters, List<Expression> defaults)
    {
        HashSet<string> outside = _expressions.SpecialNames;
        int loops = _loops;
        (_expressions.SpecialNames, _loops) = ([], 0);
        List<Statement> body = Body(end);
        HashSet<string> inside = _expressions.SpecialNames;
        outside.UnionWith(inside);
        (_expressions.SpecialNames, _loops) = (outside, loops);
        inside.ExceptWith(parameters);
        return new MacroDefinition(
            name,
            parameters,
            defaults,
            body,
            inside.Contains("varargs"),
            inside.Contains("kwargs"),
            inside.Contains("caller")
        );
    }

    private (List<string> Names, List<Expression> Defaults) Parameters()
    {
        List<string> names = [];
        List<Expression> defaults = [];
        _tokens.ExpectOperator("(");
        while (!_tokens.SkipOperator(")"))
        {
            if (names.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }
            int line = _tokens.Current.Line;
            names.Add(_tokens.ExpectName());
            if (_tokens.SkipOperator("="))
            {
                defaults.Add(_expressions.Read());
            }
            else if (defaults.Count > 0)
            {
                throw new TemplateFault($"the parameter '{names[^1]}' has no default, but one before it has", line);
            }
        }
        return (names, defaults);
    }

    private CallBlockStatement CallBlock(int line)
    {
        (List<string> parameters, List<Expression> defaults) = _tokens.Current.IsOperator("(") ? Parameters() : ([], []);
        CallExpression call =
            _expressions.Read() as CallExpression ?? throw new TemplateFault("{% call %} needs the call of a macro", line);
        return new CallBlockStatement(call, Macro(null, "endcall", parameters, defaults), line);
    }

    private WithStatement With(int line)
    {
        List<KeyValuePair<Target, Expression>> names = [];
        while (_tokens.Current.Kind != TemplateTokenKind.BlockEnd)
        {
            if (names.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }
            Target target = _expressions.ReadTarget();
            _tokens.ExpectOperator("=");
            names.Add(new(target, _expressions.Read()));
        }
        return new WithStatement(names, Body("endwith"), line);
    }

    private GenerationStatement Generation(int line)
    {
        _marksGeneration = true;
        return new GenerationStatement(Body("endgeneration"), line);
    }

    /// <summary>Several expressions are put out one behind the other.</summary>
    private OutputStatement Print(int line)
    {
        List<Expression> items = [];
        while (_tokens.Current.Kind != TemplateTokenKind.BlockEnd)
        {
            if (items.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }
            items.Add(_expressions.Read());
        }
        return new OutputStatement(new ConcatExpression(items, line), line);
    }

    private ScopeStatement Block(int line)
    {
        string name = _tokens.ExpectName();
        _ = _tokens.SkipName("scoped");
        _ = _tokens.SkipName("required");
        List<Statement> body = Body("endblock");
        _ = _tokens.SkipName(name);
        return new ScopeStatement(body, line);
    }
}
