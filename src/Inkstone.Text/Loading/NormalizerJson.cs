using System.Text;

namespace Inkstone.Text;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json.</summary>
internal static class NormalizerJson
{
    public static Normalizer? Read(JsonPart part)
    {
        if (part.IsNull)
        {
            return null;
        }
        string type = part["type"].Text();
        return type switch
        {
            "NFC" => new UnicodeNormalizer(compose: true, compatible: false),
            "NFD" => new UnicodeNormalizer(compose: false, compatible: false),
            "NFKC" => new UnicodeNormalizer(compose: true, compatible: true),
            "NFKD" => new UnicodeNormalizer(compose: false, compatible: true),
            "Lowercase" => new LowercaseNormalizer(),
            "Strip" => new StripNormalizer(part["strip_left"].Flag(), part["strip_right"].Flag()),
            "StripAccents" => new StripAccentsNormalizer(),
            "Prepend" => new PrependNormalizer(Encoding.UTF8.GetBytes(part["prepend"].Text())),
            "Replace" => new ReplaceNormalizer(part["pattern"].Pattern(), part["content"].Text()),
            "ByteLevel" => new ByteLevelNormalizer(),
            "Sequence" => new NormalizerSequence([.. part["normalizers"].Items().Select(Read).OfType<Normalizer>()]),
            _ => throw part.Unsupported(
                type,
                "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, ByteLevel and Sequence"
            ),
        };
    }
}
