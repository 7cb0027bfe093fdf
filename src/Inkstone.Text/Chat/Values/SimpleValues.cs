using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Text;

/// <summary>None.</summary>
internal sealed class NoneValue : Value
{
    public static readonly NoneValue None = new();

    private NoneValue()
    {
    }

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;

    public override void WriteRepr(StringBuilder text) => text.Append("None");
}

/// <summary>True and False, which count as 1 and 0.</summary>
internal sealed class BoolValue : Value
{
    public static readonly BoolValue True = new(true), False = new(false);

    private BoolValue(bool value) => IsTrue = value;

    public override string TypeName => "bool";

    public override bool IsTrue { get; }

    public static BoolValue Of(bool value) => value ? True : False;

    public override void WriteRepr(StringBuilder text) => text.Append(IsTrue ? "True" : "False");

    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>A whole number of any size.</summary>
internal sealed class IntValue(BigInteger number) : Value
{
    public BigInteger Number => number;

    public override string TypeName => "int";

    public override bool IsTrue => !number.IsZero;

    public override void WriteRepr(StringBuilder text) => text.Append(number.ToString(CultureInfo.InvariantCulture));

    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>A number with 64 bits.</summary>
internal sealed class FloatValue(double number) : Value
{
    public double Number => number;

    public override string TypeName => "float";

    public override bool IsTrue => number != 0;

    public override void WriteRepr(StringBuilder text) => text.Append(PythonNumber.Repr(number));

    public override bool Equals(Value? other) => PythonNumber.Equal(this, other);

    public override int GetHashCode() => PythonNumber.Hash(this);
}

/// <summary>
/// What a name stands for that nobody gave a value: empty where it is printed, iterated or asked whether it is true, a fault anywhere else.
/// </summary>
internal sealed class UndefinedValue(string message) : Value
{
    public override string TypeName => "Undefined";

    public override int? Count => 0;

    public override IEnumerable<Value> Items => [];

    public override bool HasItems => true;

    public override bool IsCallable => true;

    public override string Text => "";

    public TemplateFault Fault => new(message);

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Element(Value owner, Value key)
    {
        string type = owner is NoneValue ? "None" : owner.TypeName + " object";
        return new(key is StringValue name ? $"'{type}' has no attribute {name.Repr}" : $"{type} has no element {key.Repr}");
    }

    /// <summary>Templates are given values, not rights: what would change a list or a dict is refused.</summary>
    public static UndefinedValue Unsafe(Value owner, string name) => new($"access to attribute '{name}' of '{owner.TypeName}' object is unsafe");

    public override void WriteRepr(StringBuilder text) => text.Append("Undefined");

    public override bool Contains(Value item) => false;

    public override Value Attribute(string name) => throw Fault;

    public override Value Item(Value key) => throw Fault;

    public override Value Slice(Value start, Value stop, Value step) => throw Fault;

    public override Value Call(Interpreter run, Arguments arguments) => throw Fault;

    public override bool Equals(Value? other) => other is UndefinedValue;

    public override int GetHashCode() => 1;
}
