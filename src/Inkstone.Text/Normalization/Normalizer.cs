using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>Rewrites text before it is split. A step returns its input when there is nothing to do.</summary>
internal abstract class Normalizer
{
    public abstract ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text);

    /// <summary>What becomes of a text that stands behind other text: all but what is put before a text of its own. Null when that leaves
    /// nothing to do.</summary>
    public virtual Normalizer? Continuing => this;
}

/// <summary>Unicode form C, D, KC or KD.</summary>
internal sealed class UnicodeNormalizer(bool compose, bool compatible) : Normalizer
{
    public bool IsNfc => compose && !compatible;

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        if (compatible ? Ascii.IsValid(text) : compose && CanonicalForm.IsSurelyComposed(text))
        {
            return text;
        }
        string characters = Encoding.UTF8.GetString(text);
        characters = compatible ? CompatibleForm.Decompose(characters) : characters;
        return Encoding.UTF8.GetBytes(compose ? CanonicalForm.Compose(characters) : CanonicalForm.Decompose(characters));
    }
}

/// <summary>Puts a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(byte[] prefix) : Normalizer
{
    public override Normalizer? Continuing => null;

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text) => text.IsEmpty ? text : (byte[])[.. prefix, .. text];
}

/// <summary>Replaces every occurrence of a pattern by a text.</summary>
internal sealed class ReplaceNormalizer(TextPattern pattern, string content) : Normalizer
{
    private readonly byte[] _content = Encoding.UTF8.GetBytes(content);

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text) => pattern.Replace(text, _content);
}

/// <summary>Every character on its own in lower case: no rule looks at its neighbours.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        StringBuilder made = new(text.Length);
        foreach (Rune rune in Encoding.UTF8.GetString(text).EnumerateRunes())
        {
            // The one letter whose lower case is two characters.
            made.Append(rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString());
        }
        return Encoding.UTF8.GetBytes(made.ToString());
    }
}

/// <summary>Takes white space off the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override Normalizer? Continuing => new StripNormalizer(left: false, right);

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        text = left ? text[CharClass.EndOfRun(text, 0, CharClass.Space)..] : text;
        return right ? text[..CharClass.StartOfSpace(text, text.Length)] : text;
    }
}

/// <summary>Removes combining marks; accents that are part of a letter stay, unless a step before took them apart.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }
        StringBuilder made = new(text.Length);
        foreach (Rune rune in Encoding.UTF8.GetString(text).EnumerateRunes())
        {
            if (
                Rune.GetUnicodeCategory(rune)
                is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
            )
            {
                made.Append(rune.ToString());
            }
        }
        return Encoding.UTF8.GetBytes(made.ToString());
    }
}

/// <summary>Spells every byte in the byte alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text) => Encoding.UTF8.GetBytes(ByteAlphabet.ToText(text));
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
