namespace Inkstone.Text;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json.</summary>
internal static class DecoderJson
{
    public static IReadOnlyList<DecoderStep> Read(JsonPart part) =>
        part.IsNull ? [new SpacesStep()] : [.. part.Sequence("decoders").Select(Step)];

    private static DecoderStep Step(JsonPart step)
    {
        string type = step["type"].Text();
        switch (type)
        {
            case "ByteLevel":
                return new ByteLevelStep();
            case "ByteFallback":
                return new ByteFallbackStep();
            case "Fuse":
                return new FuseStep();
            case "Replace":
                return new ReplaceStep(step["pattern"].Pattern(), step["content"].Text());
            case "Strip":
                return new StripStep(step["content"].Character(), step["start"].Integer(), step["stop"].Integer());
            case "Metaspace":
                (string mark, PrependScheme scheme) = PreTokenizerJson.Metaspace(step);
                return mark.Length == 1
                    ? new MetaspaceDecoderStep(mark[0], scheme)
                    : throw step["replacement"].Wrong("must be a character up to U+FFFF");
            case "BPEDecoder":
                return new SuffixStep(step["suffix"].TextOrNull() ?? "</w>");
            case "WordPiece":
                return new WordPieceStep(step["prefix"].TextOrNull() ?? "##", step["cleanup"].Flag(ifAbsent: true));
            default:
                throw step.Unsupported(
                    type,
                    "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder, WordPiece and Sequence"
                );
        }
    }
}
