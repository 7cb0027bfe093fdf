namespace Inkstone.Text;

/// <summary>Whether a message's own keys let a model learn from it: OpenAI's <c>weight</c> (0 or 1), and <c>train</c>, <c>training</c>, <c>loss</c> (true or false) of other tools.</summary>
internal static class MessageWeight
{
    private static readonly string[] Keys = ["weight", "train", "training", "loss"];

    /// <exception cref="InvalidDataException">A key says something else than yes or no.</exception>
    public static bool IsLearned(Value message)
    {
        bool learned = true;
        foreach (string key in Keys)
        {
            learned &= message.Item(new StringValue(key)) is not { } value || Read(key, value);
        }
        return learned;
    }

    private static bool Read(string key, Value value) => value switch
    {
        NoneValue => true,
        BoolValue flag => flag.IsTrue,
        IntValue or FloatValue when !value.IsTrue => false,
        IntValue or FloatValue when value.Equals(BoolValue.True) => true,
        StringValue { Content: "0" or "0.0" or "false" or "False" } => false,
        StringValue { Content: "1" or "1.0" or "true" or "True" } => true,
        _ => throw new InvalidDataException($"a message has the {key} {value.Text}: a message is learned or not, so give 0 or 1, or false or true, or leave the key out."),
    };
}
