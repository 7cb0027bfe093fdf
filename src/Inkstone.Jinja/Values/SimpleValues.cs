using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>None.</summary>
public sealed class NoneValue : Value
{
    /// <summary>The one None.</summary>
    public static readonly NoneValue None = new();

    private NoneValue() { }

    /// <inheritdoc/>
    public override string TypeName => "NoneType";

    /// <inheritdoc/>
    public override bool IsTrue => false;

    internal override void WriteRepr(StringBuilder text) => text.Append("None");
}

/// <summary>True and False, which count as 1 and 0.</summary>
public sealed class BoolValue : Value
{
    /// <summary>The two of them.</summary>
    public static readonly BoolValue True = new(true),
        False = new(false);

    private BoolValue(bool value) => IsTrue = value;

    /// <inheritdoc/>
    public override string TypeName => "bool";

    /// <inheritdoc/>
    public override bool IsTrue { get; }

    /// <summary>The one that is meant.</summary>
    public static BoolValue FromBoolean(bool value) => value ? True : False;

    internal override void WriteRepr(StringBuilder text) => text.Append(IsTrue ? "True" : "False");

    /// <inheritdoc/>
    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>A whole number of any size.</summary>
public sealed class IntValue(BigInteger number) : Value
{
    /// <summary>The number.</summary>
    public BigInteger Number => number;

    /// <inheritdoc/>
    public override string TypeName => "int";

    /// <inheritdoc/>
    public override bool IsTrue => !number.IsZero;

    internal override void WriteRepr(StringBuilder text) => text.Append(number.ToString(CultureInfo.InvariantCulture));

    /// <inheritdoc/>
    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>A number with 64 bits.</summary>
public sealed class FloatValue(double number) : Value
{
    /// <summary>The number.</summary>
    public double Number => number;

    /// <inheritdoc/>
    public override string TypeName => "float";

    /// <inheritdoc/>
    public override bool IsTrue => number != 0;

    internal override void WriteRepr(StringBuilder text) => text.Append(PythonNumber.Repr(number));

    /// <inheritdoc/>
    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>
/// What a name stands for that nobody gave a value: empty where it is printed, iterated or asked whether it is true, a fault anywhere else;
/// a strict one is a fault there too. Without a word on it (null) the environment decides.
/// </summary>
internal sealed class UndefinedValue(string message, bool? strict = null) : Value
{
    public bool? IsStrict => strict;

    public UndefinedValue Strict => new(message, strict: true);

    public override string TypeName => "Undefined";

    public override bool IsTrue => Allowed(false);

    public override int? Count => Allowed(0);

    public override IEnumerable<Value> Items => Allowed<IEnumerable<Value>>([]);

    internal override bool HasItems => true;

    internal override bool IsCallable => true;

    public override string Text => Allowed("");

    public TemplateFault Fault => new(message);

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Element(Value owner, Value key)
    {
        string type = owner is NoneValue ? "None" : owner.TypeName + " object";
        return new(key is StringValue name ? $"'{type}' has no attribute {name.Repr}" : $"{type} has no element {key.Repr}");
    }

    /// <summary>Templates are given values, not rights: what would change a list or a dict is refused.</summary>
    public static UndefinedValue Unsafe(Value owner, string name) =>
        new($"access to attribute '{name}' of '{owner.TypeName}' object is unsafe");

    internal override void WriteRepr(StringBuilder text) => text.Append("Undefined");

    internal override bool Contains(Value item) => Allowed(false);

    internal override Value Attribute(string name) => throw Fault;

    public override Value Item(Value key) => throw Fault;

    internal override Value Slice(Value start, Value stop, Value step) => throw Fault;

    internal override Value Call(Interpreter run, Arguments arguments) => throw Fault;

    public override bool Equals(Value? other) => Allowed(other is UndefinedValue);

    public override int GetHashCode() => Allowed(1);

    private T Allowed<T>(T lenient) => strict == true ? throw Fault : lenient;
}
