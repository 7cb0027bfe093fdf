using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>
/// Whether a message's own keys let a model learn from it: OpenAI's <c>weight</c> (0 or 1), and <c>train</c>, <c>training</c>,
/// <c>trainable</c>, <c>loss</c>,
/// <c>loss_weight</c>, <c>loss_mask</c> (true or false) of other tools; torchtune's <c>masked</c> says the opposite.
/// </summary>
internal static class MessageWeight
{
    private const string Masked = "masked";

    private static readonly string[] Keys = ["weight", "train", "training", "trainable", "loss", "loss_weight", "loss_mask"];

    /// <summary>Parts of a message by character positions (axolotl), which are not done here.</summary>
    private static readonly string[] Parts = ["train_detail", "training_detail"];

    /// <exception cref="InvalidDataException">A key says something else than yes or no.</exception>
    public static bool IsLearned(Value message)
    {
        if (Parts.FirstOrDefault(key => message.Item(new StringValue(key)) is { IsTrue: true }) is { } part)
        {
            throw new InvalidDataException(
                $"a message has the key {part}: a message is learned as a whole or not at all, so split it, or give weight 0 or 1."
            );
        }
        bool learned = message.Item(new StringValue(Masked)) is not { } masked || masked is NoneValue || !Read(Masked, masked);
        foreach (string key in Keys)
        {
            learned &= message.Item(new StringValue(key)) is not { } value || Read(key, value);
        }
        return learned;
    }

    private static bool Read(string key, Value value) =>
        value switch
        {
            NoneValue => true,
            BoolValue flag => flag.IsTrue,
            IntValue or FloatValue when !value.IsTrue => false,
            IntValue or FloatValue when value.Equals(BoolValue.True) => true,
            StringValue { Content: "0" or "0.0" or "false" or "False" } => false,
            StringValue { Content: "1" or "1.0" or "true" or "True" } => true,
            _ => throw new InvalidDataException(
                $"a message has the {key} {value.Text}: a message is learned or not, so give 0 or 1, or false or true, or leave the key out."
            ),
        };
}
