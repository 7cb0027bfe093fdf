using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>Lists and tuples: a row of values that never changes.</summary>
public abstract class SequenceValue : Value
{
    /// <summary>Longer rows come only from templates that run away.</summary>
    internal const int MaxLength = 1 << 22;

    private protected SequenceValue(IReadOnlyList<Value> elements)
    {
        if (elements.Count > MaxLength)
        {
            throw new TemplateFault(
                $"a {(this is ListValue ? "list" : "tuple")} of {elements.Count} elements is longer than a template may make, {MaxLength}"
            );
        }
        Elements = elements;
    }

    /// <summary>The values, in order.</summary>
    public IReadOnlyList<Value> Elements { get; }

    /// <inheritdoc/>
    public override int? Count => Elements.Count;

    /// <inheritdoc/>
    public override IEnumerable<Value> Items => Elements;

    internal override bool HasItems => true;

    internal abstract SequenceValue With(IReadOnlyList<Value> elements);

    /// <inheritdoc/>
    public override Value? Item(Value key)
    {
        if (PythonNumber.Index(key) is not { } index)
        {
            return null;
        }
        index += index.Sign < 0 ? Elements.Count : 0;
        return index.Sign >= 0 && index < Elements.Count ? Elements[(int)index] : null;
    }

    internal override Value Slice(Value start, Value stop, Value step)
    {
        SliceRange range = SliceRange.Create(start, stop, step, Elements.Count);
        Value[] picked = new Value[range.Count];
        for (int i = 0; i < picked.Length; i++)
        {
            picked[i] = Elements[range[i]];
        }
        return With(picked);
    }

    /// <inheritdoc/>
    public override bool Equals(Value? other)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (other is not SequenceValue sequence || sequence is ListValue != this is ListValue || Elements.Count != sequence.Elements.Count)
        {
            return false;
        }
        for (int i = 0; i < Elements.Count; i++)
        {
            if (!ReferenceEquals(Elements[i], sequence.Elements[i]) && !Elements[i].Equals(sequence.Elements[i]))
            {
                return false;
            }
        }
        return true;
    }

    /// <inheritdoc/>
    public override int GetHashCode() => throw Unhashable();

    private protected void WriteElements(StringBuilder text)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        for (int i = 0; i < Elements.Count; i++)
        {
            text.Append(i == 0 ? "" : ", ");
            Elements[i].WriteRepr(text);
            PythonText.CheckLength(text);
        }
    }
}

/// <summary>A list.</summary>
public sealed class ListValue(IReadOnlyList<Value> elements) : SequenceValue(elements)
{
    /// <inheritdoc/>
    public override string TypeName => "list";

    internal override SequenceValue With(IReadOnlyList<Value> elements) => new ListValue(elements);

    internal override Value? Attribute(string name) =>
        name switch
        {
            "append" or "clear" or "extend" or "insert" or "pop" or "remove" or "reverse" or "sort" => UndefinedValue.Unsafe(this, name),
            _ => ContainerMethods.OfSequence.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method)
            : name == "copy" ? new BoundMethod(this, ContainerMethods.Copy)
            : null,
        };

    internal override void WriteRepr(StringBuilder text)
    {
        text.Append('[');
        WriteElements(text);
        text.Append(']');
    }
}

/// <summary>A tuple; those of groupby have names for their elements.</summary>
public sealed class TupleValue(IReadOnlyList<Value> elements, IReadOnlyList<string>? names = null) : SequenceValue(elements)
{
    /// <inheritdoc/>
    public override string TypeName => "tuple";

    internal override SequenceValue With(IReadOnlyList<Value> elements) => new TupleValue(elements);

    internal override Value? Attribute(string name)
    {
        for (int i = 0; names is not null && i < names.Count; i++)
        {
            if (names[i] == name)
            {
                return Elements[i];
            }
        }
        return ContainerMethods.OfSequence.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null;
    }

    internal override void WriteRepr(StringBuilder text)
    {
        text.Append('(');
        WriteElements(text);
        text.Append(Elements.Count == 1 ? ",)" : ")");
    }

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        HashCode hash = new();
        foreach (Value element in Elements)
        {
            hash.Add(element.GetHashCode());
        }
        return hash.ToHashCode();
    }
}

/// <summary>range(start, stop, step).</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step, int count) : Value
{
    /// <summary>The longest range that Jinja's sandbox gives out.</summary>
    public const int MaxLength = 100_000;

    public override string TypeName => "range";

    public override int? Count => count;

    public override IEnumerable<Value> Items => Enumerable.Range(0, count).Select(At);

    internal override bool HasItems => true;

    public static RangeValue Create(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero)
        {
            throw new TemplateFault("range() arg 3 must not be zero");
        }
        BigInteger count = BigInteger.Max(0, (stop - start + step - step.Sign) / step);
        return count <= MaxLength
            ? new RangeValue(start, stop, step, (int)count)
            : throw new TemplateFault($"range too big: {count} numbers, and a template may have {MaxLength}");
    }

    internal override void WriteRepr(StringBuilder text)
    {
        string by = step.IsOne ? "" : $", {step}";
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"range({start}, {stop}{by})");
    }

    public override Value? Item(Value key)
    {
        if (PythonNumber.Index(key) is not { } index)
        {
            return null;
        }
        index += index.Sign < 0 ? count : 0;
        return index.Sign >= 0 && index < count ? At((int)index) : null;
    }

    internal override Value Slice(Value start1, Value stop1, Value step1)
    {
        SliceRange range = SliceRange.Create(start1, stop1, step1, count);
        return Create(
            start + (range.Start * step),
            start + ((range.Start + ((BigInteger)range.Count * range.Step)) * step),
            step * range.Step
        );
    }

    public override bool Equals(Value? other) => other is RangeValue range && range.Items.SequenceEqual(Items);

    public override int GetHashCode() => HashCode.Combine(count, start);

    private IntValue At(int index) => new(start + (step * index));
}

/// <summary>Values that come one by one and only once, as generators and reversed() give them.</summary>
internal sealed class IteratorValue(string typeName, IEnumerable<Value> source) : Value
{
    private readonly IEnumerator<Value> _source = source.GetEnumerator();

    public override string TypeName => typeName;

    public override IEnumerable<Value> Items
    {
        get
        {
            while (Next() is { } value)
            {
                yield return value;
            }
        }
    }

    public static IteratorValue Generator(IEnumerable<Value> source) => new("generator", source);

    private Value? Next()
    {
        // A template can wrap a generator in a generator many thousand times.
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return _source.MoveNext() ? _source.Current : null;
    }
}
