using System.Runtime.CompilerServices;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>A dict in the order in which its keys came; it never changes once it is made.</summary>
public sealed class DictValue(OrderedDictionary<Value, Value> entries) : Value
{
    /// <summary>Keys and values, in order.</summary>
    public OrderedDictionary<Value, Value> Entries => entries;

    /// <inheritdoc/>
    public override string TypeName => "dict";

    /// <inheritdoc/>
    public override int? Count => entries.Count;

    /// <inheritdoc/>
    public override IEnumerable<Value> Items => entries.Keys;

    internal override bool HasItems => true;

    /// <summary>A dict whose keys are texts; of two with one name the latter counts.</summary>
    public static DictValue FromPairs(IEnumerable<KeyValuePair<string, Value>> named)
    {
        OrderedDictionary<Value, Value> entries = [];
        foreach ((string name, Value value) in named)
        {
            entries[new StringValue(name)] = value;
        }
        return new DictValue(entries);
    }

    internal override Value? Attribute(string name) =>
        name switch
        {
            "clear" or "pop" or "popitem" or "setdefault" or "update" => UndefinedValue.Unsafe(this, name),
            _ => ContainerMethods.OfDict.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null,
        };

    /// <inheritdoc/>
    public override Value? Item(Value key) => IsHashable(key) ? entries.GetValueOrDefault(key) : null;

    internal override Value Slice(Value start, Value stop, Value step) => throw new TemplateFault("unhashable type: 'slice'");

    internal override bool Contains(Value item) => entries.ContainsKey(item);

    internal override void WriteRepr(StringBuilder text)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        string between = "{";
        foreach ((Value key, Value value) in entries)
        {
            text.Append(between);
            key.WriteRepr(text);
            text.Append(": ");
            value.WriteRepr(text);
            PythonText.CheckLength(text);
            between = ", ";
        }
        text.Append(entries.Count == 0 ? "{}" : "}");
    }

    /// <inheritdoc/>
    public override bool Equals(Value? other)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return other is DictValue dict
            && entries.Count == dict.Entries.Count
            && entries.All(e => dict.Entries.TryGetValue(e.Key, out Value? value) && value.Equals(e.Value));
    }

    /// <inheritdoc/>
    public override int GetHashCode() => throw Unhashable();

    private static bool IsHashable(Value key) =>
        key switch
        {
            ListValue or DictValue => false,
            TupleValue tuple => tuple.Elements.All(IsHashable),
            _ => true,
        };
}

/// <summary>What keys(), values() and items() of a dict give: counted and iterated, but not indexed.</summary>
internal sealed class DictView(string typeName, DictValue dict, Func<KeyValuePair<Value, Value>, Value> part) : Value
{
    public override string TypeName => typeName;

    public override int? Count => dict.Count;

    public override IEnumerable<Value> Items => dict.Entries.Select(part);

    internal override void WriteRepr(StringBuilder text)
    {
        text.Append(typeName).Append('(');
        new ListValue([.. Items]).WriteRepr(text);
        text.Append(')');
    }

    public override bool Equals(Value? other) =>
        ReferenceEquals(this, other)
        || (
            typeName != "dict_values"
            && other is DictView view
            && view.TypeName == typeName
            && view.Count == Count
            && Items.All(view.Contains)
        );

    public override int GetHashCode() => throw Unhashable();
}

/// <summary>namespace(…): the one thing whose attributes a template may set.</summary>
internal sealed class NamespaceValue(OrderedDictionary<Value, Value> attributes) : Value
{
    public override string TypeName => "jinja2.utils.Namespace";

    public void Set(string name, Value value) => attributes[new StringValue(name)] = value;

    internal override Value? Attribute(string name) => attributes.GetValueOrDefault(new StringValue(name));

    internal override void WriteRepr(StringBuilder text)
    {
        text.Append("<Namespace ");
        new DictValue(attributes).WriteRepr(text);
        text.Append('>');
    }
}
