using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Text;

/// <summary>Rewrites text before it is split. A step returns its input when there is nothing to do.</summary>
internal abstract class Normalizer
{
    public abstract ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text);

    /// <summary>What becomes of a text that stands behind other text: all but what is put before a text of its own. Null when that leaves nothing to do.</summary>
    public virtual Normalizer? Continuing => this;
}

/// <summary>Unicode form C or D.</summary>
internal sealed class UnicodeNormalizer(bool compose) : Normalizer
{
    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        if (compose && CanonicalForm.IsSurelyComposed(text))
        {
            return text;
        }
        string characters = Encoding.UTF8.GetString(text);
        return Encoding.UTF8.GetBytes(compose ? CanonicalForm.Compose(characters) : CanonicalForm.Decompose(characters));
    }
}

/// <summary>Puts a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(byte[] prefix) : Normalizer
{
    public override Normalizer? Continuing => null;

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            return text;
        }
        var made = new byte[prefix.Length + text.Length];
        prefix.CopyTo(made, 0);
        text.CopyTo(made.AsSpan(prefix.Length));
        return made;
    }
}

/// <summary>Replaces every occurrence of a pattern by a text.</summary>
internal sealed class ReplaceNormalizer(Regex pattern, string content) : Normalizer
{
    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        string characters = Encoding.UTF8.GetString(text);
        string made = pattern.Replace(characters, _ => content);
        return ReferenceEquals(made, characters) ? text : Encoding.UTF8.GetBytes(made);
    }
}

/// <summary>Several, one behind the other.</summary>
internal sealed class NormalizerSequence(IReadOnlyList<Normalizer> steps) : Normalizer
{
    public override Normalizer? Continuing => new NormalizerSequence([.. steps.Select(s => s.Continuing).OfType<Normalizer>()]);

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        foreach (Normalizer step in steps)
        {
            text = step.Apply(text);
        }
        return text;
    }
}
