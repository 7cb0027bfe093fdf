using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Evaluation.Tests;

/// <summary>CORE's bundle. <c>core.json</c> holds items of five tasks and what nanochat's core_eval.py (92d63d4, July 2026) made of them with
/// one token a byte: prompts, and where what is scored begins.</summary>
public sealed class CoreTests
{
    [Fact]
    public void Prompts_examples_and_joints_are_those_of_nanochat()
    {
        JsonArray golden = Golden();
        using TemporaryDirectory bundle = new();
        Write(bundle, golden);
        IReadOnlyList<CoreTask> tasks = CoreTask.ReadBundle(bundle.Path);
        tasks.Count.ShouldBe(golden.Count);
        foreach ((CoreTask task, JsonNode? wanted) in tasks.Zip(golden))
        {
            task.Label.ShouldBe((string)wanted!["label"]!);
            task.Chance.ShouldBe((double)wanted["chance"]! / 100, 1e-12);
            foreach (JsonNode? question in wanted["questions"]!.AsArray())
            {
                CoreQuestion made = CoreQuestion.Create(task, (int)question!["item"]!);
                made.Prompts.ShouldBe(question["prompts"]!.AsArray().Select(p => (string)p!));
                int[][] tokens = [.. made.Prompts.Select(p => (int[])[256, .. Encoding.UTF8.GetBytes(p).Select(b => (int)b)])];
                IReadOnlyList<ScoredTokens> parts = CoreQuestion.Split(task.Kind, tokens, 100_000);
                parts.Select(p => p.Context.Length).ShouldBe(question["starts"]!.AsArray().Select(s => (int)s!));
                parts.Select(p => p.Context.Length + p.Continuation.Length).ShouldBe(question["ends"]!.AsArray().Select(e => (int)e!));
            }
        }
    }

    [Fact]
    public void A_long_prompt_loses_its_beginning_and_something_stands_before_what_is_scored()
    {
        int[][] tokens =
        [
            [9, 1, 2, 3, 4, 5],
            [9, 1, 2, 7, 8],
        ];
        CoreQuestion.Split(CoreTaskKind.MultipleChoice, tokens, 5)[0].Context.ShouldBe([1, 2]);
        CoreQuestion.Split(CoreTaskKind.MultipleChoice, tokens, 2)[0].Continuation.ShouldBe([5]);
        CoreQuestion
            .Split(
                CoreTaskKind.MultipleChoice,
                [
                    [9, 1],
                    [9, 1, 2],
                ],
                5
            )[0]
            .Continuation.ShouldBeEmpty();
    }

    /// <summary>The model says one thing behind each token, so right answers are known.</summary>
    [Fact]
    public void Answers_are_scored_by_mean_loss_and_by_the_likeliest_tokens()
    {
        using ScriptedModel scripted = new(new Dictionary<string, string[]> { ["go"] = ["red", "blue", "green"] });
        LocalModel model = new(scripted.Model, scripted.Tokenizer);
        CoreTask texts = Task(
            CoreTaskKind.LanguageModeling,
            0,
            """{"context": "say red", "continuation": "bluegreen"}""",
            """{"context": "say red", "continuation": "greenblue"}"""
        );
        CoreTask choices = Task(
            CoreTaskKind.MultipleChoice,
            0.25,
            """{"query": "<|go|>", "choices": ["green", "blue", "redblue", "x"], "gold": 2}""",
            """{"query": "red", "choices": ["green", "blue", "red", "x"], "gold": 1}""",
            """{"query": "blue", "choices": ["green", "blue", "red", "x"], "gold": 3}"""
        );
        CoreTask ends = Task(
            CoreTaskKind.Schema,
            0.5,
            """{"context_options": ["now red", "now green"], "continuation": "blue", "gold": 0}""",
            """{"context_options": ["now red", "now blue"], "continuation": "green", "gold": 1}"""
        );
        IReadOnlyList<CoreTaskScore> scores = CoreRun.Ask([texts, choices, ends], model);
        scores.Select(s => s.Accuracy).ShouldBe([0.5, 2 / 3.0, 1]);
        scores[1].Centered.ShouldBe((2 / 3.0 - 0.25) / 0.75, 1e-12);
        CoreRun.Core(scores).Value.ShouldBe((0.5 + (2 / 3.0 - 0.25) / 0.75 + 1) / 3, 1e-12);

        static CoreTask Task(CoreTaskKind kind, double chance, params string[] items) =>
            new(kind.ToString(), kind, 0, "", chance, [.. items.Select(i => System.Text.Json.JsonDocument.Parse(i).RootElement)]);
    }

    [Fact]
    public void What_is_no_bundle_is_refused_with_the_file_and_the_task()
    {
        using TemporaryDirectory bundle = new();
        Refused("core.yaml");
        Write(bundle, Golden());
        string list = bundle["core.yaml"],
            text = File.ReadAllText(list);
        File.WriteAllText(list, text.Replace("tiny_text.jsonl", "../core.yaml", StringComparison.Ordinal));
        Refused("tiny_text");
        File.WriteAllText(list, text.Replace("language_modeling", "generate", StringComparison.Ordinal));
        Refused("'generate'");
        File.WriteAllText(list, text);
        File.AppendAllText(bundle["eval_data/tiny_text.jsonl"], "{\n");
        Refused("tiny_text.jsonl, line 8");
        File.Delete(bundle["eval_meta_data.csv"]);
        Refused("eval_meta_data.csv");

        void Refused(string named) =>
            Should.Throw<InvalidDataException>(() => CoreTask.ReadBundle(bundle.Path)).Message.ShouldContain(named);
    }

    private static JsonArray Golden() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "core.json")))!["tasks"]!.AsArray();

    private static void Write(TemporaryDirectory bundle, JsonArray tasks)
    {
        StringBuilder list = new("icl_tasks:\n"),
            chances = new("Eval Task,Task Category,Random baseline\n");
        foreach (JsonNode? task in tasks)
        {
            string label = (string)task!["label"]!;
            list.Append(
                CultureInfo.InvariantCulture,
                $"- label: {label}\n  dataset_uri: {label}.jsonl\n  num_fewshot: [{task["shots"]}]\n  icl_task_type: {task["type"]}\n"
            );
            list.Append(
                (string)task["delimiter"]! == " "
                    ? ""
                    : $"  continuation_delimiter: {System.Text.Json.JsonSerializer.Serialize((string)task["delimiter"]!)}\n"
            );
            chances.Append(CultureInfo.InvariantCulture, $"{label},symbols,{task["chance"]}\n");
            bundle.Write($"eval_data/{label}.jsonl", string.Concat(task["lines"]!.AsArray().Select(l => (string)l! + "\n")));
        }
        bundle.Write("core.yaml", list.ToString());
        bundle.Write("eval_meta_data.csv", chances.ToString());
    }
}
