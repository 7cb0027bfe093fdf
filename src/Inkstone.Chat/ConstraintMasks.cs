using Inkstone.Grammar;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Chat;

/// <summary>Masks over a tokenizer's tokens for what an answer has to be. The last grammars are kept, as a service asks for the same ones
/// again and again.</summary>
internal sealed class ConstraintMasks(Tokenizer tokenizer)
{
    /// <summary>Between a marker and a call; bounded, because a model may write white space for ever.</summary>
    private const string Space = "[ \\n]{0,4}";

    private static readonly JsonGrammarOptions Compact = new(MaxWhitespace: 1);

    private readonly GrammarCache _grammars = new(new TokenVocabulary(tokenizer));

    /// <summary>A mask for one text.</summary>
    /// <exception cref="GrammarException">The constraint is not well-formed, or asks for what is not supported: the message names
    /// it.</exception>
    public ITokenMask GetMask(AnswerConstraint constraint) => new GrammarMask(Compiled(constraint));

    /// <summary>Compiles a constraint ahead of its use.</summary>
    /// <inheritdoc cref="GetMask"/>
    public void Prepare(AnswerConstraint constraint) => _ = Compiled(constraint);

    /// <summary>Grammars come from outside: whatever they break while they are read is their own fault.</summary>
    private CompiledGrammar Compiled(AnswerConstraint constraint)
    {
        try
        {
            return _grammars.Get(Key(constraint), () => Grammar(constraint));
        }
        catch (Exception fault)
            when (fault
                    is KeyNotFoundException
                        or InvalidOperationException
                        or FormatException
                        or OverflowException
                        or InsufficientExecutionStackException
            )
        {
            throw new GrammarException($"what the answer has to be is not well-formed: {fault.Message}", fault);
        }
    }

    private static string Key(AnswerConstraint constraint) =>
        constraint switch
        {
            AnswerConstraint.Schema schema => $"schema\0{schema.Compact}\0{schema.Document}",
            AnswerConstraint.Choice choice => "choice\0" + string.Join('\0', choice.Texts),
            AnswerConstraint.Calls calls => $"calls\0{calls.Opens}\0{calls.Closes}\0{calls.Document}",
            _ => constraint.ToString(),
        };

    private static TextGrammar Grammar(AnswerConstraint constraint) =>
        constraint switch
        {
            AnswerConstraint.Json => TextGrammar.JsonObject(),
            AnswerConstraint.Schema schema => TextGrammar.JsonSchema(schema.Document, schema.Compact ? Compact : null),
            AnswerConstraint.Regex regex => TextGrammar.Regex(regex.Pattern),
            AnswerConstraint.Choice choice => TextGrammar.Choice(choice.Texts),
            AnswerConstraint.Grammar grammar => TextGrammar.Gbnf(grammar.Text),
            AnswerConstraint.Calls calls => TextGrammar.Triggered(
                calls.Opens,
                TextGrammar.Sequence(
                    TextGrammar.Regex(Space),
                    TextGrammar.JsonSchema(calls.Document),
                    TextGrammar.Regex(Space),
                    TextGrammar.Token(calls.Closes)
                )
            ),
            _ => throw new ArgumentOutOfRangeException(nameof(constraint)),
        };
}
