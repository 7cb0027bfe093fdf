using System.Text;

namespace Inkstone.Jinja;

/// <summary>
/// A value of the template language, with the manners of the Python type that Jinja would hold. The set is closed: none, bool, int, float,
/// str, list, tuple, dict and its views, range, iterator, namespace, undefined, and what can be called.
/// </summary>
public abstract class Value : IEquatable<Value>
{
    /// <summary>The type as Python names it.</summary>
    public abstract string TypeName { get; }

    private protected Value() { }

    /// <summary>bool(value).</summary>
    public virtual bool IsTrue => Count != 0;

    /// <summary>str(value).</summary>
    public virtual string Text => Repr;

    /// <summary>repr(value).</summary>
    public string Repr
    {
        get
        {
            StringBuilder text = new();
            WriteRepr(text);
            return text.ToString();
        }
    }

    /// <summary>len(value); null when the type has none.</summary>
    public virtual int? Count => null;

    /// <summary>iter(value); null when the type cannot be iterated.</summary>
    public virtual IEnumerable<Value>? Items => null;

    /// <summary>Whether value[key] is possible at all.</summary>
    internal virtual bool HasItems => false;

    internal virtual bool IsCallable => false;

    internal virtual void WriteRepr(StringBuilder text) => text.Append('<').Append(TypeName).Append(" object>");

    /// <summary>getattr(value, name); null when there is none.</summary>
    internal virtual Value? Attribute(string name) => null;

    /// <summary>value[key]; null when there is none.</summary>
    public virtual Value? Item(Value key) => null;

    internal virtual Value Slice(Value start, Value stop, Value step) =>
        throw new TemplateFault($"'{TypeName}' object is not subscriptable");

    /// <summary>item in value.</summary>
    internal virtual bool Contains(Value item) =>
        (Items ?? throw new TemplateFault($"argument of type '{TypeName}' is not iterable")).Contains(item);

    internal virtual Value Call(Interpreter run, Arguments arguments) => throw new TemplateFault($"'{TypeName}' object is not callable");

    /// <summary>value == other.</summary>
    public virtual bool Equals(Value? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => obj is Value other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    private protected TemplateFault Unhashable() => new($"unhashable type: '{TypeName}'");
}
