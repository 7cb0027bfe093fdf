namespace Inkstone.Text;

/// <summary>Reads the <c>post_processor</c> of a tokenizer.json: the ids that it puts before and behind a text.</summary>
internal static class PostProcessorJson
{
    public static (List<int> Prefix, List<int> Suffix) Read(JsonPart part)
    {
        (List<int> Prefix, List<int> Suffix) around = ([], []);
        foreach (JsonPart step in part.Sequence("processors"))
        {
            string type = step["type"].Text();
            switch (type)
            {
                case "ByteLevel":
                    // Changes offsets only.
                    break;
                case "TemplateProcessing":
                    Template(step, around);
                    break;
                case "RobertaProcessing" or "BertProcessing":
                    around.Prefix.Insert(0, Token(step["cls"]));
                    around.Suffix.Add(Token(step["sep"]));
                    break;
                default:
                    throw step.Unsupported(type, "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing and Sequence");
            }
        }
        return around;
    }

    /// <summary>A pair of text and id.</summary>
    private static int Token(JsonPart pair)
    {
        JsonPart[] parts = [.. pair.Items()];
        return parts.Length == 2 ? parts[1].Integer() : throw pair.Wrong("must be a token and its id");
    }

    private static void Template(JsonPart template, (List<int> Prefix, List<int> Suffix) around)
    {
        bool textSeen = false;
        List<int> before = new();
        foreach (JsonPart piece in template["single"].Items())
        {
            JsonPart special = piece["SpecialToken"];
            if (!special.IsNull)
            {
                (textSeen ? around.Suffix : before).AddRange(
                    template["special_tokens"][special["id"].Text()]["ids"].Items().Select(id => id.Integer())
                );
            }
            else if (!textSeen && piece["Sequence"]["id"].Text() == "A")
            {
                textSeen = true;
            }
            else
            {
                throw piece.Wrong("is not supported; a single text has one Sequence A");
            }
        }
        if (!textSeen)
        {
            throw template["single"].Wrong("lacks the Sequence A");
        }
        around.Prefix.InsertRange(0, before);
    }
}
