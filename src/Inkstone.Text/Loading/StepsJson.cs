using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Text;

/// <summary>Reads the <c>normalizer</c>, <c>pre_tokenizer</c> and <c>decoder</c> of a tokenizer.json.</summary>
internal static class StepsJson
{
    public static Normalizer? Normalizer(JsonPart part)
    {
        if (part.IsNull)
        {
            return null;
        }
        string type = part["type"].Text();
        return type switch
        {
            "NFC" => new UnicodeNormalizer(compose: true),
            "NFD" => new UnicodeNormalizer(compose: false),
            "Prepend" => new PrependNormalizer(Encoding.UTF8.GetBytes(part["prepend"].Text())),
            "Replace" => new ReplaceNormalizer(Pattern(part["pattern"]), part["content"].Text()),
            "Sequence" => new NormalizerSequence([.. part["normalizers"].Items().Select(step => Normalizer(step)!)]),
            _ => throw part.Unsupported(type),
        };
    }

    /// <summary>The split steps, and whether the vocabulary is spelled in the byte alphabet.</summary>
    public static (PreTokenizer Steps, bool ByteLevel) PreTokenizer(JsonPart part)
    {
        var steps = new List<SplitStep>();
        bool byteLevel = false, prefixSpace = false;
        foreach (JsonPart step in Sequence(part, "pretokenizers"))
        {
            string type = step["type"].Text();
            if (byteLevel)
            {
                throw step.Wrong($"('{type}') comes after ByteLevel, which is not supported; ByteLevel must be last");
            }
            switch (type)
            {
                case "ByteLevel":
                    byteLevel = true;
                    prefixSpace = step["add_prefix_space"].Flag();
                    if (prefixSpace && steps.Count > 0)
                    {
                        throw step["add_prefix_space"].Wrong("is true behind other steps, which is not supported");
                    }
                    if (step["use_regex"].Flag(ifAbsent: true))
                    {
                        steps.Add(new ScannerStep(WordScanner.For(SplitPattern.Gpt2)));
                    }
                    break;
                case "Digits":
                    steps.Add(new DigitsStep(step["individual_digits"].Flag()));
                    break;
                case "Split":
                    steps.Add(Split(step));
                    break;
                default:
                    throw step.Unsupported(type);
            }
        }
        return (new PreTokenizer(steps, prefixSpace), byteLevel);
    }

    public static DecoderSettings Decoder(JsonPart part)
    {
        if (part.IsNull)
        {
            return new DecoderSettings(Separator: " ");
        }
        var settings = new DecoderSettings();
        var replacements = new List<(string, string)>();
        bool fused = false;
        foreach (JsonPart step in Sequence(part, "decoders"))
        {
            string type = step["type"].Text();
            if (settings.ByteLevel || settings.StripCount > 0 || (fused && type != "Strip") || (settings.ByteFallback && type is not ("Fuse" or "Strip")))
            {
                throw step.Wrong($"('{type}') stands where it is not supported; the order must be ByteLevel alone, or Replace, ByteFallback, Fuse, Strip");
            }
            switch (type)
            {
                case "ByteLevel" when replacements.Count == 0:
                    settings = settings with { ByteLevel = true };
                    break;
                case "Replace":
                    JsonPart pattern = step["pattern"]["String"];
                    replacements.Add((pattern.IsNull ? throw step["pattern"].Wrong("must be a String") : pattern.Text(), step["content"].Text()));
                    break;
                case "ByteFallback":
                    settings = settings with { ByteFallback = true };
                    break;
                case "Fuse":
                    fused = true;
                    break;
                case "Strip" when fused && step["stop"].Integer() == 0 && step["content"].Text() is [<= '\x7F' and char content]:
                    settings = settings with { Strip = content, StripCount = step["start"].Integer() };
                    break;
                default:
                    throw step.Unsupported(type);
            }
        }
        return settings with { Replacements = replacements };
    }

    private static IEnumerable<JsonPart> Sequence(JsonPart part, string members)
    {
        if (part.IsNull)
        {
            return [];
        }
        return part["type"].Text() == "Sequence" ? part[members].Items().SelectMany(step => Sequence(step, members)) : [part];
    }

    private static SplitStep Split(JsonPart step)
    {
        string behaviorName = step["behavior"].Text();
        if (!Enum.TryParse(behaviorName, out SplitBehavior behavior) || !Enum.IsDefined(behavior))
        {
            throw step["behavior"].Wrong($"is '{behaviorName}', which is no behaviour of a split");
        }
        bool invert = step["invert"].Flag();
        // The known patterns match every character, so keeping the matches and keeping everything is the same.
        bool words = behavior == (invert ? SplitBehavior.Removed : SplitBehavior.Isolated) || (behavior == SplitBehavior.Isolated && invert);
        return words && step["pattern"]["Regex"].TextOrNull() is { } regex && WordScanner.ForRegex(regex) is { } scanner
            ? new ScannerStep(scanner)
            : new RegexStep(Pattern(step["pattern"]), behavior, invert);
    }

    private static Regex Pattern(JsonPart pattern)
    {
        if (pattern["String"].TextOrNull() is { } text)
        {
            return new Regex(Regex.Escape(text), RegexOptions.CultureInvariant);
        }
        try
        {
            return RegexStep.Compile(pattern["Regex"].Text());
        }
        catch (ArgumentException fault)
        {
            throw pattern["Regex"].Wrong($"cannot be used by .NET: {fault.Message.TrimEnd('.')}");
        }
    }
}
