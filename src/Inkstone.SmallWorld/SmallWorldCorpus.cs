using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.SmallWorld;

/// <summary>
/// A small world of a few families in as many towns, told in Chinese and English: a corpus to learn from, and questions whose
/// answers follow from it but were never shown. The same seed gives the same bytes.
/// </summary>
public sealed class SmallWorldCorpus
{
    /// <summary>A document is at least so many characters long.</summary>
    public const int MinimumCharacters = 60;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // A kind of document for each entry: what stands here twice is written twice as often.
    private static readonly string[] Kinds =
    [
        "portraits",
        "portraits",
        "portraits",
        "portraits",
        "portraits",
        "household",
        "household",
        "questions",
        "questions",
        "questions",
        "quiz",
        "meeting",
        "story",
        "story",
        "story",
        "story",
        "counting",
        "counting",
        "sums",
        "sums",
        "comparisons",
        "comparisons",
        "calendar",
        "calendar",
        "calendar",
        "towns",
        "towns",
        "towns",
        "things",
    ];

    private readonly ulong _seed;
    private readonly int _families;

    /// <summary>Makes the world of a seed and decides what will never be shown. More families are more to learn: 4 suit minutes, 8 are
    /// all.</summary>
    public SmallWorldCorpus(ulong seed, int families = 4)
    {
        if (families is < 2 or > 8)
        {
            throw new ArgumentException($"A small world has 2 to 8 families, not {families}.");
        }
        _seed = seed;
        _families = families;
        FactIndex facts = Tell();
        HeldOut = [.. facts.Facts.Where(f => !f.IsShown).Select(Question)];
        Reworded = [.. facts.Facts.Where(f => f.NewWords is not null).Select(f => Question(f) with { Question = f.NewWords! })];
        Unasked = [.. facts.Facts.Where(f => f.Exposure == Exposure.Unasked).Select(Question)];
        Shown = [.. facts.Facts.Where(f => f.Exposure == Exposure.Full).Select(Question)];
        Dialogues = [.. facts.Facts.Where(f => f.Exposure == Exposure.Full).SelectMany(f => f.Questions.Select(q => (q, f.Sentence)))];
        Untold = [.. facts.Facts.SelectMany(f => f.Untold)];
    }

    /// <summary>Sentences that no document contains and questions that none asks; the answers follow from what the documents
    /// tell.</summary>
    public IReadOnlyList<WorldQuestion> HeldOut { get; }

    /// <summary>What documents tell and ask, in words that no document asks it in, nor fine-tuning.</summary>
    public IReadOnlyList<WorldQuestion> Reworded { get; }

    /// <summary>What documents tell but never ask, nor does fine-tuning: who has learned to answer questions can answer these.</summary>
    public IReadOnlyList<WorldQuestion> Unasked { get; }

    /// <summary>What documents tell and ask, for fine-tuning on questions and answers.</summary>
    public IReadOnlyList<WorldQuestion> Shown { get; }

    /// <summary>Every question that documents ask, in all its wordings, with the sentence that answers it.</summary>
    public IReadOnlyList<(string Question, string Reply)> Dialogues { get; }

    /// <summary>Sentences that no document contains: those of <see cref="HeldOut"/>, and their other phrasings where nothing was
    /// told.</summary>
    internal IReadOnlyList<string> Untold { get; }

    /// <summary>Documents without end, in both languages by turns.</summary>
    public IEnumerable<string> Documents()
    {
        FactIndex facts = Tell();
        ExpositionTemplates expositions = new(facts);
        DialogueTemplates dialogues = new(facts);
        ChineseStoryTemplates chinese = new(facts);
        EnglishStoryTemplates english = new(facts);
        while (true)
        {
            foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
            {
                string text = facts.Random.Pick(Kinds) switch
                {
                    "portraits" => expositions.Portraits(language),
                    "household" => expositions.Household(language),
                    "questions" => dialogues.Questions(language),
                    "quiz" => dialogues.Quiz(language),
                    "meeting" => dialogues.Meeting(language),
                    "counting" => expositions.Counting(language),
                    "sums" => expositions.Sums(language),
                    "comparisons" => expositions.Comparisons(language),
                    "calendar" => expositions.Calendar(language),
                    "towns" => expositions.Towns(language),
                    "things" => expositions.Things(language),
                    _ => language == WorldLanguage.Chinese ? chinese.Story() : english.Story(),
                };
                if (text.Length >= MinimumCharacters)
                {
                    yield return text;
                }
            }
        }
    }

    /// <summary>
    /// Writes <c>world.jsonl</c> ({"text"}) of about so many bytes of text, <c>questions.jsonl</c> (those shown) and
    /// <c>held-out.jsonl</c>, <c>unasked.jsonl</c>, <c>reworded.jsonl</c> ({"category","language","prompt","answer","question","reply"}),
    /// and <c>dialogues.jsonl</c> ({"messages"}) to learn answering from.
    /// </summary>
    /// <returns>The path of world.jsonl.</returns>
    public string Write(string directory, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        string path = Path.Combine(directory, "world.jsonl");
        using AtomicFile world = new(path);
        long written = 0;
        foreach (string text in Documents())
        {
            WriteLine(world.Stream, ("text", text));
            written += Encoding.UTF8.GetByteCount(text);
            if (written >= bytes)
            {
                break;
            }
        }
        WriteQuestions(Path.Combine(directory, "questions.jsonl"), Shown);
        WriteQuestions(Path.Combine(directory, "held-out.jsonl"), HeldOut);
        WriteQuestions(Path.Combine(directory, "unasked.jsonl"), Unasked);
        WriteQuestions(Path.Combine(directory, "reworded.jsonl"), Reworded);
        WriteConversations(Path.Combine(directory, "conversations.jsonl"));
        world.Commit();
        return path;
    }

    private FactIndex Tell()
    {
        WorldRandom random = new(_seed);
        return new FactIndex(new World(random, _families), random);
    }

    private static WorldQuestion Question(Fact fact) => new(fact.Category, fact.Language, fact.Stem, fact.Answer, fact.Questions[0]);

    private static void WriteQuestions(string path, IReadOnlyList<WorldQuestion> questions)
    {
        using AtomicFile file = new(path);
        foreach (WorldQuestion q in questions)
        {
            WriteLine(
                file.Stream,
                ("category", q.Category),
                ("language", q.Language == WorldLanguage.Chinese ? "zh" : "en"),
                ("prompt", q.Prompt),
                ("answer", q.Answer),
                ("question", q.Question),
                ("reply", q.Reply)
            );
        }
        file.Commit();
    }

    private void WriteConversations(string path)
    {
        using AtomicFile file = new(path);
        foreach ((string question, string reply) in Dialogues)
        {
            using (Utf8JsonWriter json = new(file.Stream, Plain))
            {
                json.WriteStartObject();
                json.WriteStartArray("messages");
                foreach ((string role, string content) in new[] { ("user", question), ("assistant", reply) })
                {
                    json.WriteStartObject();
                    json.WriteString("role", role);
                    json.WriteString("content", content);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            file.Stream.WriteByte((byte)'\n');
        }
        file.Commit();
    }

    private static void WriteLine(FileStream stream, params (string Key, string Value)[] members)
    {
        using (Utf8JsonWriter json = new(stream, Plain))
        {
            json.WriteStartObject();
            foreach ((string key, string value) in members)
            {
                json.WriteString(key, value);
            }
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }
}
