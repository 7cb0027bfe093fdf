using System.Text.Json.Nodes;
using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Data;

/// <summary>A prompt with its answers as tokens.</summary>
/// <param name="Prompt">the prompt; may be empty</param>
/// <param name="Answers">a chosen and a rejected answer, or one that is judged; the end token included</param>
/// <param name="Good">whether a single answer is good</param>
/// <param name="Margin">how much better the chosen answer is; null: the data do not say</param>
public sealed record PreferenceExample(int[] Prompt, int[][] Answers, bool Good = true, double? Margin = null)
{
    /// <summary>Tokens of the prompt and of all answers.</summary>
    public int Tokens => Prompt.Length + Answers.Sum(a => a.Length);
}

/// <summary>Turns preferences into tokens: texts as they are, with the end token behind answers; messages by the chat template, whose own
/// ends stay.</summary>
/// <param name="tokenizer">the tokenizer</param>
/// <param name="template">its chat template; an error where messages come and there is none</param>
/// <param name="variables">variables of the template</param>
public sealed class PreferenceTokens(Tokenizer tokenizer, Func<ChatTemplate> template, JsonObject? variables)
{
    /// <summary>The tokens, and whether the border between prompt and answers lies elsewhere among them than in the text, because a token
    /// spans it or the template rewrites the prompt.</summary>
    /// <exception cref="InvalidDataException">The template refuses the messages; the message names the place.</exception>
    public (PreferenceExample Example, bool Moved) Encode(PreferenceRecord record)
    {
        try
        {
            return record.IsConversation ? Rendered(record) : Plain(record);
        }
        catch (TemplateException e)
        {
            throw new InvalidDataException($"{record.Place}: {e.Message}", e);
        }
    }

    private (PreferenceExample, bool) Plain(PreferenceRecord record)
    {
        int[] prompt = tokenizer.Encode(record.Prompt.Text);
        int[][] whole = [.. record.Answers.Select(answer => WithEnd(tokenizer.Encode(record.Prompt.Text + answer.Text)))];
        return Parted(record, prompt, whole);
    }

    private int[] WithEnd(int[] ids) => tokenizer.EosId is { } end && (ids.Length == 0 || ids[^1] != end) ? [.. ids, end] : ids;

    private (PreferenceExample, bool) Rendered(PreferenceRecord record)
    {
        JsonObject given = [];
        foreach ((string key, JsonNode? value) in (variables ?? []).Concat(record.TemplateVariables ?? []))
        {
            given[key] = value?.DeepClone();
        }
        JsonArray asked = record.Prompt.Messages ?? [];
        bool goesOn = asked.Count > 0 && (string?)asked[^1]!["role"] == "assistant";
        string before = asked.Count == 0 ? "" : template().Render(asked, record.Tools, addGenerationPrompt: !goesOn, variables: given);
        string[] texts =
        [
            .. record.Answers.Select(a =>
                template().Render([.. asked.Concat(a.Messages!).Select(m => m!.DeepClone())], record.Tools, variables: given)
            ),
        ];
        if (!texts.All(t => t.StartsWith(before, StringComparison.Ordinal)))
        {
            return Parted(
                record,
                tokenizer.Encode(before, addSpecialTokens: false),
                [.. texts.Select(t => tokenizer.Encode(t, addSpecialTokens: false))]
            );
        }
        // The border of messages is one of tokens, too: a model that answers sees the prompt's tokens alone.
        int[] prompt = tokenizer.Encode(before, addSpecialTokens: false);
        return (
            new PreferenceExample(
                prompt,
                [
                    .. texts.Select(t =>
                        prompt.Length == 0
                            ? tokenizer.Encode(t, addSpecialTokens: false)
                            : tokenizer.EncodeContinuation(t[before.Length..], prompt[^1])
                    ),
                ],
                record.Good,
                record.Margin
            ),
            false
        );
    }

    /// <summary>The longest beginning that the prompt and all wholes share is the prompt.</summary>
    private static (PreferenceExample, bool) Parted(PreferenceRecord record, int[] prompt, int[][] wholes)
    {
        int common = wholes.Min(whole => whole.AsSpan().CommonPrefixLength(prompt));
        return (
            new PreferenceExample(prompt[..common], [.. wholes.Select(whole => whole[common..])], record.Good, record.Margin),
            common < prompt.Length
        );
    }
}
