using System.Text;

namespace Inkstone.Jinja;

/// <summary>A text. Positions and lengths count characters of Unicode, not UTF-16 units. Markup is text that is not escaped any
/// more.</summary>
public sealed class StringValue : Value
{
    /// <summary>Longer texts come only from templates that run away.</summary>
    public const int MaxLength = 1 << 26;

    /// <summary>A text.</summary>
    /// <param name="content">its characters</param>
    /// <param name="isMarkup">not to be escaped any more</param>
    public StringValue(string content, bool isMarkup = false)
    {
        if (content.Length > MaxLength)
        {
            throw new TemplateFault($"a text of {content.Length} characters is longer than a template may make, {MaxLength}");
        }
        (Content, IsMarkup) = (content, isMarkup);
    }

    /// <summary>The empty text.</summary>
    public static StringValue Empty { get; } = new("");

    /// <summary>Its characters, in UTF-16.</summary>
    public string Content { get; }

    /// <summary>Whether it is not escaped any more.</summary>
    public bool IsMarkup { get; }

    /// <inheritdoc/>
    public override string TypeName => IsMarkup ? "Markup" : "str";

    /// <inheritdoc/>
    public override int? Count => CodePoints.Count(Content);

    /// <inheritdoc/>
    public override string Text => Content;

    internal override bool HasItems => true;

    /// <inheritdoc/>
    public override IEnumerable<Value> Items => CodePoints.Each(Content).Select(c => new StringValue(c));

    /// <summary>Another text of the same kind.</summary>
    public StringValue With(string content) => new(content, IsMarkup);

    internal override void WriteRepr(StringBuilder text)
    {
        text.Append(IsMarkup ? "Markup(" : "");
        PythonText.WriteRepr(Content, text);
        text.Append(IsMarkup ? ")" : "");
    }

    internal override Value? Attribute(string name) =>
        StringMethods.Table.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null;

    /// <inheritdoc/>
    public override Value? Item(Value key) =>
        PythonNumber.Index(key) is { } index && CodePoints.At(Content, index) is { } character ? With(character) : null;

    internal override Value Slice(Value start, Value stop, Value step) =>
        With(CodePoints.Pick(Content, SliceRange.Create(start, stop, step, Count!.Value)));

    internal override bool Contains(Value item) =>
        item is StringValue part
            ? Content.Contains(part.Content, StringComparison.Ordinal)
            : throw new TemplateFault($"'in <string>' requires string as left operand, not {item.TypeName}");

    /// <inheritdoc/>
    public override bool Equals(Value? other) => other is StringValue text && Content == text.Content;

    /// <inheritdoc/>
    public override int GetHashCode() => Content.GetHashCode(StringComparison.Ordinal);
}
