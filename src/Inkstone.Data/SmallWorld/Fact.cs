namespace Inkstone.Data;

/// <summary>How much of a fact the corpus shows.</summary>
internal enum Exposure
{
    /// <summary>Statements and questions.</summary>
    Full,

    /// <summary>Statements only: whoever can restate a fact can answer the question that was never asked.</summary>
    StatementsOnly,

    /// <summary>Nothing: the fact follows from others.</summary>
    Never,
}

/// <summary>One fact in one language: what may be said of it and how it is asked. The answer is a whole sentence, as pupils are taught.</summary>
/// <param name="Category">The kind of question in the report.</param>
/// <param name="Relation">What is told: "mother", "plus", "tomorrow".</param>
/// <param name="Subject">Index of the person, town or number it is told of.</param>
/// <param name="Language">The language.</param>
/// <param name="Exposure">How much the corpus shows.</param>
/// <param name="Statements">Whole sentences; the first is the answer.</param>
/// <param name="Questions">Ways to ask; the first is the one that held-out questions use.</param>
internal sealed record Fact(
    string Category, string Relation, int Subject, WorldLanguage Language, Exposure Exposure, string[] Statements, string[] Questions)
{
    /// <summary>The first statement without its full stop.</summary>
    public string Answer => Statements[0][..^1];
}

/// <summary>A question about the small world.</summary>
/// <param name="Category">family (follows from the family), restate (told, never asked), addition, counting, comparison, calendar, towns, things.</param>
/// <param name="Language">The language.</param>
/// <param name="Question">The question alone, as a user asks it.</param>
/// <param name="Answer">The expected answer, without its full stop.</param>
public sealed record WorldQuestion(string Category, WorldLanguage Language, string Question, string Answer)
{
    /// <summary>The question as the corpus writes it; the answer follows.</summary>
    public string Prompt => Language == WorldLanguage.Chinese ? $"问：{Question}\n答：" : $"Q: {Question}\nA:";

    /// <summary>The answer as a sentence of its own.</summary>
    public string Reply => Answer + (Language == WorldLanguage.Chinese ? "。" : ".");

    /// <summary>Whether a continuation of <see cref="Prompt"/> answers: its first line is the answer, with or without full stop.</summary>
    public bool IsAnsweredBy(ReadOnlySpan<char> continuation)
    {
        ReadOnlySpan<char> text = continuation.TrimStart();
        int end = text.IndexOf('\n');
        if (end >= 0) text = text[..end];
        return text.Trim().TrimEnd("。.").SequenceEqual(Answer);
    }
}
