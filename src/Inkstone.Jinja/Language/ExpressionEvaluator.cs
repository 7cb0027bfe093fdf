using System.Runtime.CompilerServices;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>The values of expressions.</summary>
internal sealed class ExpressionEvaluator(Interpreter run)
{
    public Value Evaluate(Expression expression, Scope scope) => run.Checked(Value(expression, scope));

    private Value Value(Expression expression, Scope scope)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        run.Spend(1);
        switch (expression)
        {
            case ConstantExpression constant:
                return constant.Value;
            case NameExpression name:
                return scope.Find(name.Name) ?? UndefinedValue.Name(name.Name);
            case MemberExpression member:
                return Lookup.Attribute(At(member, Evaluate(member.Target, scope)), member.Name);
            case ItemExpression item:
                (Value target, Value key) = (Evaluate(item.Target, scope), Evaluate(item.Key, scope));
                return Lookup.Item(At(item, target), key);
            case SliceExpression slice:
                return Slice(slice, scope);
            case CallExpression call:
                return Made(Call(call, scope, null));
            case FilterExpression filter:
                return Made(Filter(filter, Evaluate(filter.Target!, scope), scope));
            case TestExpression test:
                Value tested = Evaluate(test.Target, scope);
                Arguments arguments = Arguments(test.Arguments, scope, null);
                run.Line = test.Line;
                return Tests.Named(test.Name).Apply(run, tested, arguments);
            case ConditionalExpression choice:
                return Evaluate(choice.Condition, scope).IsTrue ? Evaluate(choice.Then, scope)
                    : choice.Else is not null ? Evaluate(choice.Else, scope)
                    : new UndefinedValue("the inline if-expression evaluated to false and no else section was defined", strict: false);
            case AndExpression and:
                return Evaluate(and.Left, scope) is { IsTrue: false } left ? left : Evaluate(and.Right, scope);
            case OrExpression or:
                return Evaluate(or.Left, scope) is { IsTrue: true } first ? first : Evaluate(or.Right, scope);
            case NotExpression not:
                return BoolValue.FromBoolean(!Evaluate(not.Operand, scope).IsTrue);
            default:
                return Computed(expression, scope);
        }
    }

    /// <summary>A value through a filter; <paramref name="input"/> is what stands at the beginning of the chain.</summary>
    public Value Filter(FilterExpression filter, Value input, Scope scope)
    {
        // In a filter block the chain's beginning is the block's text; in an expression it was evaluated already.
        Value value = filter.Target is FilterExpression inner && IsBlockChain(inner) ? Filter(inner, input, scope) : input;
        Arguments arguments = Arguments(filter.Arguments, scope, null);
        run.Line = filter.Line;
        return run.Filter(filter.Name).Apply(run, value, arguments);
    }

    /// <summary>A call; a call block hands its body over as the macro's caller.</summary>
    public Value Call(CallExpression call, Scope scope, Value? caller)
    {
        Value target = Evaluate(call.Target, scope);
        Arguments arguments = Arguments(call.Arguments, scope, caller);
        run.Line = call.Line;
        return target.Call(run, arguments);
    }

    private static bool IsBlockChain(FilterExpression filter) =>
        filter.Target is null || (filter.Target is FilterExpression inner && IsBlockChain(inner));

    private Value Computed(Expression expression, Scope scope)
    {
        switch (expression)
        {
            case BinaryExpression binary:
                (Value left, Value right) = (Evaluate(binary.Left, scope), Evaluate(binary.Right, scope));
                run.Line = binary.Line;
                return Made(Arithmetic.Apply(binary.Operator, left, right));
            case ConcatExpression concat:
                StringBuilder text = new();
                foreach (Expression item in concat.Items)
                {
                    text.Append(Evaluate(item, scope).Text);
                    PythonText.CheckLength(text);
                }
                return Made(new StringValue(text.ToString()));
            case CompareExpression compare:
                return Compare(compare, scope);
            case SignExpression sign:
                return Arithmetic.Sign(sign.Negative, At(sign, Evaluate(sign.Operand, scope)));
            case ListExpression list:
                return new ListValue([.. list.Items.Select(i => Evaluate(i, scope))]);
            case TupleExpression tuple:
                return new TupleValue([.. tuple.Items.Select(i => Evaluate(i, scope))]);
            default:
                OrderedDictionary<Value, Value> entries = [];
                foreach ((Expression key, Expression value) in ((DictExpression)expression).Pairs)
                {
                    entries[Evaluate(key, scope)] = Evaluate(value, scope);
                }
                return new DictValue(entries);
        }
    }

    private BoolValue Compare(CompareExpression compare, Scope scope)
    {
        Value left = Evaluate(compare.First, scope);
        foreach ((string op, Expression operand) in compare.Rest)
        {
            Value right = Evaluate(operand, scope);
            run.Line = compare.Line;
            run.Spend(right is SequenceValue row ? row.Elements.Count / 16 : 0);
            if (!Comparison.Apply(op, left, right))
            {
                return BoolValue.False;
            }
            left = right;
        }
        return BoolValue.True;
    }

    private Value Slice(SliceExpression slice, Scope scope)
    {
        Value target = Evaluate(slice.Target, scope);
        (Value start, Value stop, Value step) = (Bound(slice.Start), Bound(slice.Stop), Bound(slice.Step));
        return Made(At(slice, target).Slice(start, stop, step));

        Value Bound(Expression? bound) => bound is null ? NoneValue.None : Evaluate(bound, scope);
    }

    private Arguments Arguments(CallArguments arguments, Scope scope, Value? caller)
    {
        if (ReferenceEquals(arguments, CallArguments.None) && caller is null)
        {
            return Jinja.Arguments.None;
        }
        List<Value> positional = [.. arguments.Positional.Select(a => Evaluate(a, scope))];
        if (arguments.Spread is not null)
        {
            positional.AddRange(run.Iterate(Evaluate(arguments.Spread, scope)));
        }
        List<KeyValuePair<string, Value>> named = [.. arguments.Named.Select(n => KeyValuePair.Create(n.Key, Evaluate(n.Value, scope)))];
        if (caller is not null)
        {
            named.Add(new("caller", caller));
        }
        if (arguments.NamedSpread is not null)
        {
            foreach (KeyValuePair<string, Value> more in Lookup.Names(Evaluate(arguments.NamedSpread, scope)))
            {
                named.Add(
                    !named.Exists(n => n.Key == more.Key)
                        ? more
                        : throw new TemplateFault($"got multiple values for keyword argument '{more.Key}'")
                );
            }
        }
        return new Arguments(positional, named);
    }

    /// <summary>Notes where faults would lie from now on.</summary>
    private Value At(Expression expression, Value value)
    {
        run.Line = expression.Line;
        return value;
    }

    /// <summary>Charges a new value by its size, so that few steps cannot make much work.</summary>
    private Value Made(Value value)
    {
        run.Spend(
            value switch
            {
                StringValue text => text.Content.Length / 64,
                SequenceValue row => row.Elements.Count / 16,
                _ => 0,
            }
        );
        return value;
    }
}
