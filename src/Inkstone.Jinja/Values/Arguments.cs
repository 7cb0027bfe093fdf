namespace Inkstone.Jinja;

/// <summary>What a call was given; after <see cref="Signature.Bind"/> one value for every parameter, in order.</summary>
internal sealed record Arguments(IReadOnlyList<Value> Positional, IReadOnlyList<KeyValuePair<string, Value>> Named)
{
    public static readonly Arguments None = new([], []);

    public Value this[int parameter] => Positional[parameter];

    /// <summary>A parameter that must be a whole number within an int.</summary>
    public int Int(int parameter) =>
        PythonNumber.Index(Positional[parameter]) switch
        {
            { } number when number >= int.MinValue && number <= int.MaxValue => (int)number,
            { } => throw new TemplateFault($"the number {Positional[parameter].Repr} is too large"),
            null when Positional[parameter] is UndefinedValue undefined => throw undefined.Fault,
            null => throw new TemplateFault($"'{Positional[parameter].TypeName}' object cannot be interpreted as an integer"),
        };

    /// <summary>A parameter that must be a text.</summary>
    public string Text(int parameter) =>
        Positional[parameter] is StringValue text
            ? text.Content
            : throw new TemplateFault($"must be str, not {Positional[parameter].TypeName}");

    public string? TextOrNull(int parameter) => Positional[parameter] is NoneValue ? null : Text(parameter);

    public bool Has(int parameter) => Positional[parameter] is not NoneValue;

    public bool IsTrue(int parameter) => Positional[parameter].IsTrue;
}
