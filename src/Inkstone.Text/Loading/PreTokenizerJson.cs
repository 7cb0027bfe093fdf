using System.Text;

namespace Inkstone.Text;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json.</summary>
internal static class PreTokenizerJson
{
    /// <summary>The split steps, and whether the last one leaves words whose bytes the vocabulary spells in the byte alphabet.</summary>
    /// <param name="part">pre_tokenizer</param>
    /// <param name="takesBytes">whether the model can take bytes; else they are spelled out here</param>
    public static (PreTokenizer Steps, bool ByteLevel) Read(JsonPart part, bool takesBytes)
    {
        List<SplitStep> steps = new();
        JsonPart[] parts = [.. part.Sequence("pretokenizers")];
        bool prefixSpace = false,
            byteLevel = false;
        foreach (JsonPart step in parts)
        {
            string type = step["type"].Text();
            switch (type)
            {
                case "ByteLevel":
                    prefixSpace = step["add_prefix_space"].Flag(ifAbsent: true) && steps.Count == 0;
                    if (step["add_prefix_space"].Flag(ifAbsent: true) && steps.Count > 0)
                    {
                        steps.Add(new PrefixSpaceStep());
                    }
                    if (step["use_regex"].Flag(ifAbsent: true))
                    {
                        steps.Add(new ScannerStep(WordScanner.For(SplitPattern.Gpt2)));
                    }
                    byteLevel = takesBytes && step == parts[^1];
                    if (!byteLevel)
                    {
                        steps.Add(new AlphabetStep());
                    }
                    break;
                case "Metaspace":
                    (string mark, PrependScheme scheme) = Metaspace(step);
                    steps.Add(new MetaspaceStep(mark, scheme, step["split"].Flag(ifAbsent: true)));
                    break;
                case "Split":
                    steps.Add(Split(step));
                    break;
                case "Digits":
                    steps.Add(
                        new CharacterStep(
                            CharacterStep.IsNumber,
                            step["individual_digits"].Flag() ? SplitBehavior.Isolated : SplitBehavior.Contiguous
                        )
                    );
                    break;
                case "Punctuation":
                    steps.Add(
                        new CharacterStep(
                            CharacterStep.IsPunctuation,
                            step["behavior"].IsNull ? SplitBehavior.Isolated : Behavior(step["behavior"])
                        )
                    );
                    break;
                case "Whitespace":
                    steps.Add(new WordStep());
                    break;
                case "WhitespaceSplit":
                    steps.Add(new CharacterStep(CharacterStep.IsSpace, SplitBehavior.Removed));
                    break;
                case "BertPreTokenizer":
                    steps.Add(new CharacterStep(CharacterStep.IsSpace, SplitBehavior.Removed));
                    steps.Add(new CharacterStep(CharacterStep.IsPunctuation, SplitBehavior.Isolated));
                    break;
                case "CharDelimiterSplit":
                    Rune delimiter = step["delimiter"].Character();
                    steps.Add(new CharacterStep(c => c == delimiter, SplitBehavior.Removed));
                    break;
                default:
                    throw step.Unsupported(
                        type,
                        "ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit and Sequence"
                    );
            }
        }
        return (new PreTokenizer(steps, prefixSpace), byteLevel);
    }

    /// <summary>Mark and scheme of a Metaspace, the same in pre_tokenizer and decoder; add_prefix_space is its older spelling.</summary>
    public static (string Mark, PrependScheme Scheme) Metaspace(JsonPart step)
    {
        string name = step["prepend_scheme"].TextOrNull() ?? "always";
        PrependScheme scheme = name switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw step["prepend_scheme"].Wrong($"is '{name}'; known are always, first and never"),
        };
        if (!step["add_prefix_space"].Flag(ifAbsent: true))
        {
            if (scheme != PrependScheme.Never && !step["prepend_scheme"].IsNull)
            {
                throw step["add_prefix_space"].Wrong($"is false, but prepend_scheme is {name}; take one of them out");
            }
            scheme = PrependScheme.Never;
        }
        return (step["replacement"].Character().ToString(), scheme);
    }

    private static SplitStep Split(JsonPart step)
    {
        SplitBehavior behavior = Behavior(step["behavior"]);
        bool invert = step["invert"].Flag();
        // The known patterns match every character, so keeping the matches and keeping everything is the same.
        bool words =
            behavior == (invert ? SplitBehavior.Removed : SplitBehavior.Isolated) || (behavior == SplitBehavior.Isolated && invert);
        return words && step["pattern"]["Regex"].TextOrNull() is { } regex && WordScanner.ForRegex(regex) is { } scanner
            ? new ScannerStep(scanner)
            : new PatternStep(step["pattern"].Pattern(), behavior, invert);
    }

    private static SplitBehavior Behavior(JsonPart part)
    {
        string name = part.Text();
        return Enum.TryParse(name, out SplitBehavior behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw part.Wrong(
                $"is '{name}', which is no behaviour of a split; known are {string.Join(", ", Enum.GetNames<SplitBehavior>())}"
            );
    }
}
