namespace Inkstone.SmallWorld;

/// <summary>Something to know about the small world: a sentence to complete, and the same as a question.</summary>
/// <param name="Category">
/// people, towns, things, calendar (told in other words), family, addition, counting, comparison (following from other facts).
/// </param>
/// <param name="Language">The language.</param>
/// <param name="Prompt">The beginning of a sentence, for a model that continues text.</param>
/// <param name="Answer">The end of that sentence, without its full stop.</param>
/// <param name="Question">The question, for a model that was taught to answer.</param>
public sealed record WorldQuestion(string Category, WorldLanguage Language, string Prompt, string Answer, string Question)
{
    /// <summary>The whole sentence: the answer to <see cref="Question"/>.</summary>
    public string Reply => Language == WorldLanguage.Chinese ? $"{Prompt}{Answer}。" : $"{Prompt} {Answer}.";

    /// <summary>Whether a continuation of <see cref="Prompt"/> is right: up to the end of the sentence it is the answer.</summary>
    public bool IsAnsweredBy(ReadOnlySpan<char> continuation)
    {
        ReadOnlySpan<char> text = continuation.TrimStart();
        int end = text.IndexOfAny(".。\n");
        return (end >= 0 ? text[..end] : text).TrimEnd().SequenceEqual(Answer);
    }
}
