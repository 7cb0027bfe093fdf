using System.Text;

namespace Inkstone.Jinja;

/// <summary>
/// The <c>loop</c> of a for: it pulls the items one by one, looks one ahead only when asked to, and reads all of them only when a length is
/// asked for that the row itself does not know.
/// </summary>
internal sealed class LoopValue(Value row, IEnumerable<Value> items, Func<Value, Value>? recurse, int depth0) : Value
{
    private static readonly BuiltinTable Methods = new()
    {
        {
            "cycle",
            null,
            (_, loop, a) =>
                a.Positional.Count > 0
                    ? a.Positional[((LoopValue)loop)._index0 % a.Positional.Count]
                    : throw new TemplateFault("no items for cycling given")
        },
        { "changed", null, (_, loop, a) => ((LoopValue)loop).Changed(new TupleValue(a.Positional)) },
    };

    private IEnumerator<Value> _items = items.GetEnumerator();
    private int _index0 = -1;
    private int? _length = row.Count;
    private Value? _before,
        _current,
        _after,
        _changed;

    public override string TypeName => "jinja2.runtime.LoopContext";

    public override int? Count => Length;

    internal override bool IsCallable => true;

    private int Length
    {
        get
        {
            if (_length is null)
            {
                List<Value> rest = [];
                while (_items.MoveNext())
                {
                    rest.Add(_items.Current);
                }
                _items = rest.GetEnumerator();
                _length = rest.Count + _index0 + 1 + (_after is null ? 0 : 1);
            }
            return _length.Value;
        }
    }

    /// <summary>The next item; null behind the last one.</summary>
    public Value? Next()
    {
        Value? next = Peek();
        if (next is not null)
        {
            (_before, _current, _after) = (_current, next, null);
            _index0++;
        }
        return next;
    }

    internal override Value? Attribute(string name) =>
        name switch
        {
            "index0" => new IntValue(_index0),
            "index" => new IntValue(_index0 + 1),
            "revindex0" => new IntValue(Length - _index0 - 1),
            "revindex" => new IntValue(Length - _index0),
            "first" => BoolValue.FromBoolean(_index0 == 0),
            "last" => BoolValue.FromBoolean(Peek() is null),
            "length" => new IntValue(Length),
            "depth0" => new IntValue(depth0),
            "depth" => new IntValue(depth0 + 1),
            "previtem" => _index0 == 0 ? new UndefinedValue("there is no previous item") : _before,
            "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
            _ => Methods.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null,
        };

    internal override Value Call(Interpreter run, Arguments arguments)
    {
        Value inner = new Signature("iterable").Bind("loop", arguments)[0];
        return recurse is not null
            ? recurse(inner)
            : throw new TemplateFault("the loop must have the 'recursive' marker to be called recursively");
    }

    internal override void WriteRepr(StringBuilder text) =>
        text.Append("<LoopContext ").Append(_index0 + 1).Append('/').Append(Length).Append('>');

    private Value? Peek() => _after ??= _items.MoveNext() ? _items.Current : null;

    private BoolValue Changed(TupleValue value)
    {
        bool changed = _changed is null || !_changed.Equals(value);
        _changed = value;
        return BoolValue.FromBoolean(changed);
    }
}
