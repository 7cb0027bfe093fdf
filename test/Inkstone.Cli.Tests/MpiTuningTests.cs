using System.Text.Json.Nodes;

namespace Inkstone.Cli.Tests;

/// <inheritdoc/>
public sealed class MpiTuningTests(Workplace place) : MpiTuningSuite(place, Mpi.OpenMpi);

/// <summary>The same suite on the other ABI.</summary>
public sealed class MpichTuningTests(Workplace place) : MpiTuningSuite(place, Mpi.Mpich);

/// <summary>Fine-tuning, preferences, rewards and evaluation by two processes give what one gives.</summary>
[Trait("Category", "Slow")]
public abstract class MpiTuningSuite : IClassFixture<Workplace>
{
    private readonly Workplace _place;
    private readonly string _launcher;

    protected MpiTuningSuite(Workplace place, string launcher)
    {
        (_place, _launcher) = (place, launcher);
        Assert.SkipWhen(Mpi.Absent(launcher) is not null, Mpi.Absent(launcher) ?? "");
    }

    [Fact]
    public void EveryKindOfTraining_LearnsTheSameWithTwo()
    {
        string model = Model();
        string[] words = ["one", "two", "three", "four", "five", "six", "seven"];
        File.WriteAllLines(
            _place["chats.jsonl"],
            Enumerable
                .Range(0, 40)
                .Select(i =>
                    $$"""{"messages":[{"role":"user","content":"{{words[i % 7]}} and?"},{"role":"assistant","content":"{{words[i * 3 % 7]}} are not {{words[i * 5 % 7]}}"}]}"""
                )
        );
        File.WriteAllLines(
            _place["pairs.jsonl"],
            Enumerable
                .Range(0, 40)
                .Select(i =>
                    $$"""{"prompt":"{{words[i % 7]}} and?","chosen":"{{words[i * 3 % 7]}}","rejected":"{{words[i * 5 % 7]}} not"}"""
                )
        );
        File.WriteAllLines(
            _place["prompts.jsonl"],
            Enumerable.Range(0, 12).Select(i => $$"""{"prompt":"{{words[i % 7]}} and?","answer":"{{i}}"}""")
        );
        File.WriteAllText(
            _place["t.jinja"],
            "{% for m in messages %}{{ m.role[0] }}: {{ m.content }}<|endoftext|>{% endfor %}{% if add_generation_prompt %}a: {% endif %}"
        );
        string common = $$"""
            model: {path: {{model}}}
            template: t.jinja
            optimizer: {name: adamw, lr: 1e-3}
            schedule: {name: constant, warmup_steps: 0}
            """;
        Compare("sft", common + "\ndata: {train: chats.jsonl, valid_ratio: 0.2, max_length: 48}", "0");
        Compare("sft", common + "\ndata: {train: chats.jsonl, valid_ratio: 0.2, max_length: 48}", "3");
        Compare("dpo", common + "\ndata: {train: pairs.jsonl, valid_ratio: 0.2, max_length: 48}\nloss: {type: sigmoid, beta: 0.1}", "0");
        Compare("dpo", common + "\ndata: {train: pairs.jsonl, valid_ratio: 0.2, max_length: 48}\nloss: {type: sigmoid, beta: 0.1}", "3");
        string rewards =
            common
            + "\ndata: {train: prompts.jsonl, max_prompt_length: 24}\nrollout: {num_generations: 2, max_completion_length: 6, temperature: 1}\nrewards: {letter: {type: regex, pattern: '[aeo]'}}";
        Compare("grpo", rewards, "0");
        Compare("grpo", rewards, "3");
    }

    [Fact]
    public void Evaluation_ScoresTheSameWithTwo()
    {
        string model = Model();
        Directory.CreateDirectory(_place["tasks"]);
        File.WriteAllText(
            _place["tasks/count.yaml"],
            """
            task: count
            dataset_path: json
            dataset_kwargs: {data_files: {test: questions.jsonl}}
            test_split: test
            output_type: multiple_choice
            doc_to_text: "{{q}}"
            doc_to_choice: [one, two, three]
            doc_to_target: "{{a}}"
            metric_list: [{metric: acc}]
            """
        );
        File.WriteAllLines(_place["questions.jsonl"], Enumerable.Range(0, 23).Select(i => $$"""{"q":"now {{i}} and","a":{{i % 3}}}"""));
        JsonNode[] results =
        [
            .. new[] { 1, 2 }.Select(n =>
                JsonNode.Parse(
                    Mpi.Run(
                            n,
                            _place.Path,
                            ["evaluate", "count", "--include-path", "tasks", "--model", model, "--json", "--quiet"],
                            _launcher
                        )
                        .ShouldEndWith(0)
                        .Output
                )!["results"]!
            ),
        ];
        results[1].ToJsonString().ShouldBe(results[0].ToJsonString());
    }

    private string Model()
    {
        string run = _place["base"];
        if (!Directory.Exists(run))
        {
            Ink.RunIn(_place.Path, "pretrain", "r.yaml", "--out", run, "--quiet", "--train.steps", "8", "--threads", "1").ShouldEndWith(0);
        }
        return run;
    }

    private void Compare(string verb, string recipe, string zero)
    {
        File.WriteAllText(
            _place[$"{verb}.yaml"],
            recipe + "\ntrain: {steps: 4, batch_size: 2, accumulation: 4, eval_every: 2, eval_batches: 3, save_every: 4}\nout: unused\n"
        );
        string[][] metrics =
        [
            .. new[] { 1, 2 }.Select(n =>
            {
                string run = _place[$"{verb}-{zero}-{n}"];
                Mpi.Run(
                        n,
                        _place.Path,
                        [verb, $"{verb}.yaml", "--out", run, "--quiet", "--distributed.order", "fixed", "--distributed.zero", zero],
                        _launcher
                    )
                    .ShouldEndWith(0);
                // What the sampler rounds depends on the answers that are written side by side.
                return ComparableMetrics.Read(run, "sampling/", "rollout/");
            }),
        ];
        metrics[0].Length.ShouldBeGreaterThanOrEqualTo(4);
        if (verb != "grpo")
        {
            metrics[1].ShouldBe(metrics[0], $"{verb}, zero {zero}");
            return;
        }
        // Losses are weighed by what the sampler said, whose last bits depend on which answers were written side by side.
        for (int i = 0; i < metrics[0].Length; i++)
        {
            (JsonObject one, JsonObject two) = (JsonNode.Parse(metrics[0][i])!.AsObject(), JsonNode.Parse(metrics[1][i])!.AsObject());
            two.Select(m => m.Key).ShouldBe(one.Select(m => m.Key));
            foreach ((string key, JsonNode? value) in one.Where(m => m.Value!.GetValueKind() == System.Text.Json.JsonValueKind.Number))
            {
                double expected = value!.GetValue<double>();
                two[key]!.GetValue<double>().ShouldBe(expected, 1e-5 * (1 + Math.Abs(expected)), $"{key} of line {i}, zero {zero}");
            }
        }
    }
}
