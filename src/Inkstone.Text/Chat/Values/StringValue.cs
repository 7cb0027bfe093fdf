using System.Text;

namespace Inkstone.Text;

/// <summary>A text. Positions and lengths count characters of Unicode, not UTF-16 units. Markup is text that is not escaped any more.</summary>
internal sealed class StringValue : Value
{
    /// <summary>Longer texts come only from templates that run away.</summary>
    public const int MaxLength = 1 << 26;

    public StringValue(string content, bool isMarkup = false)
    {
        if (content.Length > MaxLength)
        {
            throw new TemplateFault($"a text of {content.Length} characters is longer than a template may make, {MaxLength}");
        }
        (Content, IsMarkup) = (content, isMarkup);
    }

    public static StringValue Empty { get; } = new("");

    public string Content { get; }

    public bool IsMarkup { get; }

    public override string TypeName => IsMarkup ? "Markup" : "str";

    public override int? Count => CodePoints.Count(Content);

    public override string Text => Content;

    public override bool HasItems => true;

    public override IEnumerable<Value> Items => CodePoints.Each(Content).Select(c => new StringValue(c));

    public StringValue With(string content) => new(content, IsMarkup);

    public override void WriteRepr(StringBuilder text)
    {
        text.Append(IsMarkup ? "Markup(" : "");
        PythonText.WriteRepr(Content, text);
        text.Append(IsMarkup ? ")" : "");
    }

    public override Value? Attribute(string name)
        => StringMethods.Table.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null;

    public override Value? Item(Value key)
        => PythonNumber.Index(key) is { } index && CodePoints.At(Content, index) is { } character ? With(character) : null;

    public override Value Slice(Value start, Value stop, Value step)
        => With(CodePoints.Pick(Content, SliceRange.Of(start, stop, step, Count!.Value)));

    public override bool Contains(Value item) => item is StringValue part ? Content.Contains(part.Content, StringComparison.Ordinal)
        : throw new TemplateFault($"'in <string>' requires string as left operand, not {item.TypeName}");

    public override bool Equals(Value? other) => other is StringValue text && Content == text.Content;

    public override int GetHashCode() => Content.GetHashCode(StringComparison.Ordinal);
}
