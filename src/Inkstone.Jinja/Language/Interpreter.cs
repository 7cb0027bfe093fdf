using System.Runtime.CompilerServices;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>Runs the statements of one template once. A budget of steps ends templates that would not end by themselves.</summary>
internal sealed class Interpreter
{
    private const int Budget = 50_000_000;

    private readonly ExpressionEvaluator _evaluator;
    private StringBuilder _output = new();
    private int _steps = Budget;

    public Interpreter(TemplateOptions options, DateTime now)
    {
        (Options, Now) = (options, now);
        _evaluator = new ExpressionEvaluator(this);
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>The manners of the environment.</summary>
    public TemplateOptions Options { get; }

    /// <summary>What strftime_now tells.</summary>
    public DateTime Now { get; }

    /// <summary>The conversation, when what an assistant says is to be marked in the text (<see cref="GenerationMarks"/>); else
    /// null.</summary>
    public IReadOnlyList<Value>? Marked { get; init; }

    /// <summary>The line that is being run.</summary>
    public int Line { get; set; } = 1;

    /// <summary>The text of a template.</summary>
    public string Render(IReadOnlyList<Statement> template, Scope variables)
    {
        Run(template, new Scope(variables));
        return _output.ToString();
    }

    public void Spend(int steps)
    {
        _steps -= steps;
        if (_steps < 0)
        {
            throw new TemplateFault("the template takes too many steps; it probably has a loop that grows without end");
        }
    }

    /// <summary>A filter by its name.</summary>
    public Builtin Filter(string name) => Options.Filter(name) ?? throw new TemplateFault($"there is no filter named '{name}'");

    /// <summary>A value as this environment hands it on: what is undefined may be strict.</summary>
    public Value Checked(Value value) =>
        Options.StrictUndefined && value is UndefinedValue { IsStrict: null } undefined ? undefined.Strict : value;

    /// <summary>iter(value).</summary>
    public IEnumerable<Value> Iterate(Value value) =>
        Counted(value.Items ?? throw new TemplateFault($"'{value.TypeName}' object is not iterable"));

    /// <summary>As many values as are wanted.</summary>
    public IReadOnlyList<Value> Unpack(Value value, int count)
    {
        Value[] values = [.. Iterate(value).Take(count + 1)];
        return values.Length == count
            ? values
            : throw new TemplateFault(
                values.Length > count
                    ? $"too many values to unpack (expected {count})"
                    : $"not enough values to unpack (expected {count}, got {values.Length})"
            );
    }

    public Value CallMacro(MacroDefinition macro, Scope definedIn, Arguments arguments)
    {
        Scope scope = MacroArguments.Bind(macro, definedIn, arguments, _evaluator.Evaluate);
        int line = Line;
        Value text = Captured(() => Run(macro.Body, scope));
        Line = line;
        return text;
    }

    private IEnumerable<Value> Counted(IEnumerable<Value> values)
    {
        foreach (Value value in values)
        {
            Spend(1);
            yield return Checked(value);
        }
    }

    /// <summary>The text that some work would have put out.</summary>
    private StringValue Captured(Action work)
    {
        (StringBuilder outer, _output) = (_output, new StringBuilder());
        try
        {
            work();
            Spend(_output.Length / 64);
            return new StringValue(_output.ToString());
        }
        finally
        {
            _output = outer;
        }
    }

    private void Write(string text)
    {
        _output.Append(text);
        PythonText.CheckLength(_output);
    }

    private Flow Run(IReadOnlyList<Statement> body, Scope scope)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Statement statement in body)
        {
            Line = statement.Line;
            Spend(1);
            if (Run(statement, scope) is not Flow.Next and Flow flow)
            {
                return flow;
            }
        }
        return Flow.Next;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case TextStatement text:
                Write(text.Text);
                break;
            case OutputStatement output:
                Write(_evaluator.Evaluate(output.Value, scope).Text);
                break;
            case IfStatement choice:
                return Run(Chosen(choice, scope), scope);
            case ForStatement loop:
                Loop(loop, _evaluator.Evaluate(loop.Items, scope), scope, 0);
                break;
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
            case SetStatement set:
                Assign(set.Target, _evaluator.Evaluate(set.Value, scope), scope, scope);
                break;
            case SetBlockStatement set:
                Value captured = Captured(() => Run(set.Body, new Scope(scope)));
                Assign(set.Target, set.Filter is null ? captured : _evaluator.Filter(set.Filter, captured, scope), scope, scope);
                break;
            case MacroStatement macro:
                scope.Set(macro.Macro.Name!, new MacroValue(macro.Macro, scope));
                break;
            case CallBlockStatement call:
                Write(_evaluator.Call(call.Call, scope, new MacroValue(call.Caller, scope)).Text);
                break;
            case FilterBlockStatement filter:
                Write(_evaluator.Filter(filter.Filter, Captured(() => Run(filter.Body, new Scope(scope))), scope).Text);
                break;
            case WithStatement with:
                Scope inner = new(scope);
                foreach ((Target target, Expression value) in with.Names)
                {
                    Assign(target, _evaluator.Evaluate(value, scope), inner, inner);
                }
                return Run(with.Body, inner);
            case ScopeStatement body:
                return Run(body.Body, new Scope(scope));
            case GenerationStatement generation when Marked is null:
                return Run(generation.Body, new Scope(scope));
            case GenerationStatement generation:
                Write(GenerationMarks.Open(scope.InnermostOf(Marked)));
                Flow flow = Run(generation.Body, new Scope(scope));
                Write(GenerationMarks.Close);
                return flow;
        }
        return Flow.Next;
    }

    private IReadOnlyList<Statement> Chosen(IfStatement choice, Scope scope)
    {
        foreach ((Expression condition, IReadOnlyList<Statement> body) in choice.Branches)
        {
            if (_evaluator.Evaluate(condition, scope).IsTrue)
            {
                return body;
            }
        }
        return choice.Else;
    }

    private void Loop(ForStatement statement, Value row, Scope scope, int depth)
    {
        IEnumerable<Value> items = Iterate(row);
        // With a filter nobody knows how many there will be.
        LoopValue loop = statement.Filter is null
            ? new(row, items, Recurse(), depth)
            : new(NoneValue.None, items.Where(Passes), Recurse(), depth);
        bool any = false;
        while (loop.Next() is { } item)
        {
            any = true;
            Spend(4);
            Scope inner = new(scope);
            inner.Set("loop", loop);
            Assign(statement.Target, item, inner, scope);
            if (Run(statement.Body, inner) == Flow.Break)
            {
                break;
            }
            Line = statement.Line;
        }
        if (!any)
        {
            Run(statement.Else, new Scope(scope));
        }

        bool Passes(Value item)
        {
            Scope test = new(scope);
            Assign(statement.Target, item, test, scope);
            return _evaluator.Evaluate(statement.Filter!, test).IsTrue;
        }

        Func<Value, Value>? Recurse() =>
            statement.Recursive
                ? inner =>
                    Captured(() =>
                    {
                        RuntimeHelpers.EnsureSufficientExecutionStack();
                        Loop(statement, inner, scope, depth + 1);
                    })
                : null;
    }

    private void Assign(Target target, Value value, Scope scope, Scope lookup)
    {
        switch (target)
        {
            case NameTarget name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget attribute when lookup.Find(attribute.Name) is NamespaceValue space:
                space.Set(attribute.Attribute, value);
                break;
            case NamespaceTarget attribute:
                throw new TemplateFault($"cannot assign to {attribute.Name}.{attribute.Attribute}, for {attribute.Name} is no namespace");
            case TupleTarget tuple:
                IReadOnlyList<Value> values = Unpack(value, tuple.Items.Count);
                for (int i = 0; i < values.Count; i++)
                {
                    Assign(tuple.Items[i], values[i], scope, lookup);
                }
                break;
        }
    }
}
