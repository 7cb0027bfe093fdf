using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Chat;

/// <summary>Masks over a tokenizer's tokens for what an answer has to be.</summary>
internal sealed class ConstraintMasks(Tokenizer tokenizer)
{
    /// <summary>A mask for one text.</summary>
    /// <exception cref="ArgumentException">The constraint is not well-formed or asks for what is not supported.</exception>
    public ITokenMask Of(AnswerConstraint constraint)
        => throw new ArgumentException($"{constraint.GetType().Name} is not supported by this build for a vocabulary of {tokenizer.VocabularySize}.");
}
