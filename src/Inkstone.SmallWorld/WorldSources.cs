using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.SmallWorld;

/// <summary>
/// What a small world gives beside its documents, in the forms in which data come elsewhere: questions with choices, sums, who the
/// assistant is, preferences,
/// prompts with what is right, a wiki dump, and benchmarks as task files. Wrong answers are right answers to other questions of their kind.
/// </summary>
/// <param name="world">the world that is told of</param>
public sealed class WorldSources(SmallWorldCorpus world)
{
    private const int WrongChoices = 3;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Right answers of these follow from counting; all others are known or not.
    private static readonly string[] Reckoned = ["addition", "counting", "comparison"];

    private static readonly (string Question, string Reply)[] Identity =
    [
        ("你是谁？", "我是砚，一个从零练成的小模型。"),
        ("你叫什么名字？", "我叫砚。"),
        ("你是在哪里练成的？", "我是在这台机器上练成的。"),
        ("你能做什么？", "我能回答小世界里的问题。"),
        ("Who are you?", "I am Inkstone, a small model made from nothing."),
        ("What is your name?", "My name is Inkstone."),
        ("Where were you made?", "I was made on this machine."),
        ("What can you do?", "I can answer questions about a small world."),
    ];

    /// <summary>
    /// Writes knowledge.jsonl ({question, A … D, answer}), math.jsonl ({question, answer}), identity.jsonl ({messages}), preferences.jsonl
    /// ({prompt, chosen, rejected}),
    /// prompts.jsonl ({prompt, answer}, whose answers are numbers), sums.jsonl and repairs.jsonl ({question, answer}) with their held-out
    /// parts NAME-valid.jsonl and NAME-test.jsonl, dump.xml (MediaWiki) and the task files completion.yaml and questions.yaml, which read
    /// held-out.jsonl and reworded.jsonl beside them.
    /// </summary>
    /// <param name="directory">where to</param>
    /// <param name="pages">pages of the dump</param>
    public void Write(string directory, int pages)
    {
        WorldQuestion[] known = [.. world.Shown.Where(q => !Reckoned.Contains(q.Category))],
            reckoned = [.. world.Shown.Except(known)];
        Lines("knowledge.jsonl", known.Select((q, i) => Choice(q, i)).OfType<JsonObject>());
        Lines("math.jsonl", reckoned.Select(q => Problem(q.Question, q.Reply)));
        Lines(
            "identity.jsonl",
            Identity.Select(p => new JsonObject { ["messages"] = new JsonArray(Turn("user", p.Question), Turn("assistant", p.Reply)) })
        );
        Lines("preferences.jsonl", world.Shown.Select((q, i) => Pair(q, i)).OfType<JsonObject>());
        Lines(
            "prompts.jsonl",
            reckoned
                .Where(q => q.Category != "comparison")
                .Select(q => new JsonObject { ["prompt"] = new JsonArray(Turn("user", q.Question)), ["answer"] = q.Reply })
        );
        Problems("sums", RewardProblems.Sums());
        Problems("repairs", RewardProblems.Broken());
        AtomicFile.WriteText(Path.Combine(directory, "dump.xml"), Dump(pages));
        AtomicFile.WriteText(
            Path.Combine(directory, "completion.yaml"),
            Task("small_world_completion", "held-out.jsonl", "prompt", "answer", "[\".\", \"。\", \"\\n\"]")
        );
        AtomicFile.WriteText(
            Path.Combine(directory, "questions.yaml"),
            Task("small_world_questions", "reworded.jsonl", "question", "reply", "[\"\\n\"]")
        );

        void Problems(string name, (string Question, string Answer)[] all)
        {
            IEnumerable<JsonObject> records = all.Select(p => Problem(p.Question, p.Answer));
            int learned = all.Length - RewardProblems.Test - RewardProblems.Valid;
            Lines($"{name}.jsonl", records.Take(learned));
            Lines($"{name}-test.jsonl", records.Skip(learned).Take(RewardProblems.Test));
            Lines($"{name}-valid.jsonl", records.Skip(learned + RewardProblems.Test));
        }

        void Lines(string name, IEnumerable<JsonObject> records) =>
            AtomicFile.WriteText(Path.Combine(directory, name), string.Concat(records.Select(r => r.ToJsonString(Plain) + "\n")));
    }

    private static JsonObject Problem(string question, string answer) => new() { ["question"] = question, ["answer"] = answer };

    private static JsonObject Turn(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private static string Task(string name, string file, string asked, string right, string until) =>
        $$$"""
            task: {{{name}}}
            dataset_path: json
            dataset_kwargs:
              data_files: {test: {{{file}}}}
            test_split: test
            output_type: generate_until
            doc_to_text: "{{{{{asked}}}}}"
            doc_to_target: "{{{{{right}}}}}"
            generation_kwargs: {until: {{{until}}}, do_sample: false, max_gen_toks: 48}
            metric_list:
              - {metric: exact_match, aggregation: mean, higher_is_better: true}
            metadata: {version: 1.0}

            """;

    /// <summary>Other answers to questions of the same kind, from <paramref name="place"/> on: the same ones each time.</summary>
    private IEnumerable<WorldQuestion> Wrong(WorldQuestion question, int place)
    {
        WorldQuestion[] others =
        [
            .. world
                .Shown.Where(o => o.Category == question.Category && o.Language == question.Language && o.Answer != question.Answer)
                .DistinctBy(o => o.Answer),
        ];
        return Enumerable.Range(0, others.Length).Select(i => others[(place + i) % others.Length]);
    }

    private JsonObject? Choice(WorldQuestion question, int place)
    {
        List<string> choices = [.. Wrong(question, place).Take(WrongChoices).Select(o => o.Answer)];
        if (choices.Count < WrongChoices)
        {
            return null;
        }
        int right = place % (WrongChoices + 1);
        choices.Insert(right, question.Answer);
        JsonObject record = new() { ["question"] = question.Question };
        foreach ((int i, string choice) in choices.Index())
        {
            record[$"{(char)('A' + i)}"] = choice;
        }
        record["answer"] = $"{(char)('A' + right)}";
        return record;
    }

    private JsonObject? Pair(WorldQuestion question, int place) =>
        Wrong(question, place).Select(o => (question with { Answer = o.Answer }).Reply).FirstOrDefault() is not { } wrong
            ? null
            : new()
            {
                ["prompt"] = new JsonArray(Turn("user", question.Question)),
                ["chosen"] = new JsonArray(Turn("assistant", question.Reply)),
                ["rejected"] = new JsonArray(Turn("assistant", wrong)),
            };

    private string Dump(int pages)
    {
        System.Text.StringBuilder xml = new(
            "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"zh\">\n"
                + "  <siteinfo><sitename>small world</sitename><dbname>smallworld</dbname><namespaces><namespace key=\"0\" case=\"first-letter\" /></namespaces></siteinfo>\n"
        );
        foreach ((int i, string text) in world.Documents().Take(pages).Index())
        {
            int first = text.IndexOfAny(['，', '。', '.', ',', '：', ':', '\n']);
            string title = System.Security.SecurityElement.Escape($"{(first > 0 ? text[..first] : "page")} {i + 1}"),
                body = System.Security.SecurityElement.Escape(text.Replace("\n", "\n\n", StringComparison.Ordinal));
            xml.Append(
                $"  <page><title>{title}</title><ns>0</ns><id>{i + 1}</id><revision><id>{i + 1}</id><timestamp>2026-01-01T00:00:00Z</timestamp><model>wikitext</model><format>text/x-wiki</format><text xml:space=\"preserve\">{body}</text></revision></page>\n"
            );
        }
        return xml.Append("</mediawiki>\n").ToString();
    }
}
