using Inkstone.Jinja;

namespace Inkstone.Evaluation.Tests;

public sealed class TaskTests : IDisposable
{
    private const string Common = """

        dataset_path: json
        dataset_kwargs: {data_files: {validation: rows.jsonl}}
        validation_split: validation
        output_type: multiple_choice
        doc_to_text: "{{q}}"
        doc_to_choice: [" no", " yes"]
        doc_to_target: label
        target_delimiter: ""
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("evaluation-").FullName;

    public TaskTests() =>
        File.WriteAllLines(
            Path.Combine(_folder, "rows.jsonl"),
            Enumerable.Range(0, 8).Select(i => $"{{\"q\": \"row {i}\", \"label\": {i % 2}}}")
        );

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_task_is_asked_and_scored()
    {
        EvaluationRun run = Prepare("task: t" + Common, new EvaluationOptions { BootstrapIterations = 10 });
        run.Requests.Select(r => r.Context + "|" + r.Continuation).Take(3).ShouldBe(["row 0| no", "row 0| yes", "row 1| no"]);
        run.Answer(new Says(" yes"));
        DictValue scores = Scores(run);
        PythonValues.Real(scores.Get("acc,none")).ShouldBe(0.5);
        PythonValues.Real(scores.Get("acc_stderr,none"))!.Value.ShouldBe(Math.Sqrt(0.25 / 7), 1e-12);
    }

    [Fact]
    public void CORE_is_the_mean_of_what_is_beyond_chance()
    {
        // Of eight rows four are right. Chance is ½ with two choices, and ⅜ where half of the rows have four:
        // (0.5 − 0.5) / 0.5 = 0, and (0.5 − 0.375) / (1 − 0.375) = 0.2; half of that is CORE.
        File.WriteAllLines(
            Path.Combine(_folder, "wide.jsonl"),
            Enumerable
                .Range(0, 8)
                .Select(i => $"{{\"q\": \"row\", \"label\": {i % 2}, \"c\": [\" no\", \" yes\"{(i < 4 ? ", \" a\", \" b\"" : "")}]}}")
        );
        string wide = Path.Combine(_folder, "wide.yaml"),
            narrow = Path.Combine(_folder, "narrow.yaml");
        File.WriteAllText(
            wide,
            "task: wide"
                + Common
                    .Replace("rows.jsonl", "wide.jsonl", StringComparison.Ordinal)
                    .Replace("[\" no\", \" yes\"]", "c", StringComparison.Ordinal)
        );
        File.WriteAllText(narrow, "task: narrow" + Common);
        EvaluationRun run = EvaluationRun.Prepare([wide, narrow], new EvaluationOptions { Core = true, BootstrapIterations = 10 });
        run.Answer(new Says(" yes"));
        DictValue core = (DictValue)run.Score().Summary.Get("core")!;
        PythonValues.Real(core.Get("value"))!.Value.ShouldBe(0.1, 1e-12);
        DictValue of = (DictValue)((DictValue)core.Get("tasks")!).Get("wide")!;
        PythonValues.Real(of.Get("chance"))!.Value.ShouldBe(0.375, 1e-12);
        PythonValues.Real(of.Get("centered"))!.Value.ShouldBe(0.2, 1e-12);
        double error = Math.Sqrt(0.25 / 7);
        PythonValues.Real(core.Get("stderr"))!.Value.ShouldBe(Math.Sqrt(Math.Pow(error / 0.625, 2) + Math.Pow(error / 0.5, 2)) / 2, 1e-12);
    }

    [Fact]
    public void Answers_go_out_and_come_in_by_files()
    {
        EvaluationRun run = Prepare("task: t" + Common);
        run.Answer(new Says(" no"));
        string file = Path.Combine(_folder, "answers.jsonl"),
            samples = Path.Combine(_folder, "samples_t_x.jsonl");
        File.WriteAllLines(file, RecordedAnswers.Lines(run.Requests));
        File.WriteAllLines(samples, run.Score().Samples["t"].Select(ResultFiles.SampleLine));
        foreach (string from in new[] { file, samples })
        {
            EvaluationRun again = Prepare("task: t" + Common);
            RecordedAnswers.Read(from, again.Requests).ShouldBe(16);
            JsonValues.Write(Scores(again)).ShouldBe(JsonValues.Write(Scores(run)));
        }
        EvaluationRun other = Prepare("task: t" + Common.Replace("{{q}}", "{{q}}?", StringComparison.Ordinal));
        Should.Throw<InvalidDataException>(() => RecordedAnswers.Read(file, other.Requests)).Message.ShouldContain("another prompt");
        Should.Throw<InvalidDataException>(() => Prepare("task: t" + Common).Score()).Message.ShouldContain("no answer");
    }

    [Theory]
    [InlineData("task: t\nprocess_docs: !function utils.f", "needs Python (process_docs: !function utils.f)")]
    [InlineData("task: t\ndoc_to_txt: x", "unknown key 'doc_to_txt'")]
    [InlineData("task: t\nmetric_list: [{metric: acuracy}]", "no metric 'acuracy'")]
    [InlineData("task: t\nfilter_list: [{name: x, filter: [{function: regexp}]}]", "no filter 'regexp'")]
    [InlineData("task: t\nfewshot_config: {sampler: random}", "the sampler 'random'")]
    [InlineData("task: t\nclass: !function task.Task", "written in Python")]
    [InlineData("task: t\ninclude: nowhere.yaml", "no task file")]
    [InlineData("tsk: t", "neither the key task nor the key group")]
    public void What_cannot_be_run_is_refused_by_name(string yaml, string reason) =>
        Should.Throw<Exception>(() => Prepare(yaml + Common)).Message.ShouldContain(reason);

    [Fact]
    public void A_question_can_be_kept_out_of_its_own_examples()
    {
        List<string> warnings = [];
        string yaml = "task: t\nfewshot_split: validation" + Common;
        bool Shows(EvaluationRun run) =>
            run.Requests.Any(r =>
                r.Context.Split("\n\n")[..^1].Any(shot => shot.StartsWith(r.Context.Split("\n\n")[^1], StringComparison.Ordinal))
            );
        Shows(Prepare(yaml, new EvaluationOptions { NumFewshot = 5, Warn = warnings.Add })).ShouldBeTrue();
        warnings.ShouldHaveSingleItem().ShouldContain("--exclude-own-answers");
        Shows(Prepare(yaml, new EvaluationOptions { NumFewshot = 5, ExcludeOwnAnswers = true })).ShouldBeFalse();
    }

    [Fact]
    public void Tables_of_CSV_have_the_types_that_pandas_guesses()
    {
        Dataset table = CsvTable.Read(",n,text,n\n0,1,\"a, \"\"b\"\"\",\n1,,NA,2.5\n\n2,007,c,x\n", ',');
        table.Columns.ShouldBe(["Unnamed: 0", "n", "text", "n.1"]);
        new ListValue(table.Rows).Repr.ShouldBe(
            "[{'Unnamed: 0': 0, 'n': 1.0, 'text': 'a, \"b\"', 'n.1': None}, {'Unnamed: 0': 1, 'n': None, 'text': None, 'n.1': '2.5'}, {'Unnamed: 0': 2, 'n': 7.0, 'text': 'c', 'n.1': 'x'}]"
        );
    }

    [Theory]
    [InlineData("temperature=0.7,do_sample=true,max_gen_toks=9", "{'temperature': 0.7, 'do_sample': True, 'max_gen_toks': 9}")]
    [InlineData("{\"until\": [\"Q:\", \"A:\"]}", "{'until': ['Q:', 'A:']}")]
    [InlineData("until=Q:,A:", "{'until': 'Q:', 'A:': ''}")]
    [InlineData("max_gen_toks=1e2", "{'max_gen_toks': 100.0}")]
    public void Settings_are_read_as_lm_eval_reads_them(string text, string repr) => GenKwargs.Parse(text).Repr.ShouldBe(repr);

    [Fact]
    public void Every_built_in_task_is_well_formed() =>
        BuiltInTasks
            .All()
            .Select(c => TaskEntry.Parse(c, null)!)
            .Where(e => e.Kind == TaskKind.Task)
            .Select(e => new TaskConfig(e.Config, e.Name).Name)
            .Distinct()
            .Count()
            .ShouldBe(52 + 67 + 2 + 6 + 5);

    private EvaluationRun Prepare(string yaml, EvaluationOptions? options = null)
    {
        string file = Path.Combine(_folder, "t.yaml");
        File.WriteAllText(file, yaml);
        return EvaluationRun.Prepare([file], options ?? new EvaluationOptions { BootstrapIterations = 0 });
    }

    private static DictValue Scores(EvaluationRun run) => (DictValue)((DictValue)run.Score().Summary.Get("results")!).Get("t")!;

    private sealed class Says(string answer) : IEvaluatedModel
    {
        public IReadOnlyList<LogLikelihood> LogLikelihoods(
            IReadOnlyList<(string Context, string Continuation)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => [.. requests.Select(r => new LogLikelihood(r.Continuation == answer ? -1 : -2, true))];

        public IReadOnlyList<double> RollingLogLikelihoods(IReadOnlyList<string> texts, Action? answered, CancellationToken cancelled) =>
            throw new NotSupportedException();

        public IReadOnlyList<string> Generate(
            IReadOnlyList<(string Context, TextSettings Settings)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => throw new NotSupportedException();
    }
}
