using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Inkstone.Data;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.SmallWorld;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink quickstart</c>: from nothing to a model that writes, offline, with everything it learns from made on the spot.</summary>
internal static class Quickstart
{
    /// <summary>Stages that are counted on the screen and in <see cref="QuickstartState"/>.</summary>
    public const int Stages = 7;

    private const int StoryTokens = 120,
        FewestPairs = 20; // a fifth of them is held out, and the rest gives at least two steps

    /// <summary>How much of everything. Wrong answers are rare once training is whole: then every question it was taught is asked.</summary>
    private sealed record Size(string Recipe, string SftRecipe, long CorpusBytes, int Vocabulary, int Questions, int Pairs);

    private static readonly Size Whole = new("quickstart", "quickstart", 4_000_000, 1024, 200, int.MaxValue);
    private static readonly Size Smoke = new("quickstart-smoke", "quickstart-smoke", 600_000, 1024, 40, 240);

    public static CliCommand Create()
    {
        Option<bool> smoke = new("--smoke") { Description = "a much smaller run of the same kind, under 40 seconds" };
        Option<string> output = new("--out")
        {
            Description = "directory to write",
            HelpName = "DIR",
            DefaultValueFactory = _ => "first-model",
        };
        return new CliCommand(
            "quickstart",
            "makes a small world of sentences, learns a tokenizer and a language model from them, and measures what was learned; a stopped one goes on when the command is repeated",
            [smoke, output],
            Run,
            "ink quickstart --out first-model",
            "ink quickstart --smoke --out /tmp/smoke --seed 7 --json"
        );

        int Run(CommandContext call)
        {
            string directory = call.Get(output)!;
            QuickstartState state = QuickstartState.Begin(
                call,
                directory,
                new(call.Get(smoke), call.Seed ?? 42, call.Precision ?? "fp32", 0)
            );
            try
            {
                return new Work(call, directory, state).Run();
            }
            catch (OperationCanceledException)
            {
                call.Error.WriteLine("ink: stopped; repeat the same command to go on");
                return 130;
            }
        }
    }

    /// <summary>One quickstart: each stage leaves its part of the directory whole, so that those which are done are not done
    /// again.</summary>
    private sealed class Work(CommandContext call, string directory, QuickstartState state)
    {
        private readonly Size _size = state.Smoke ? Smoke : Whole;
        private readonly bool _goesOn = state.StagesDone > 0;
        private int _done = state.StagesDone;

        public int Run()
        {
            long began = Stopwatch.GetTimestamp();
            Directory.CreateDirectory(directory);
            state.Save(directory);
            if (_goesOn)
            {
                call.Say($"going on with {directory}, which was stopped after stage {state.StagesDone} of {Stages}");
            }
            SmallWorldCorpus world = new((ulong)state.Seed);
            Stage(
                1,
                "a small world: families, numbers, calendars, towns, stories, in Chinese and English",
                () => SmallWorldData.Corpus(call, world, directory, _size.CorpusBytes)
            );
            Stage(2, "a tokenizer", () => SmallWorldData.Learn(call, directory, _size.Vocabulary));
            Stage(3, "token shards", () => SmallWorldData.Shards(call, directory));
            Tokenizer tokenizer = Tokenizer.Load(At("tokenizer"));

            RunResult trained = null!,
                tuned = null!;
            RunResult? preferred = null;
            ConversationSet data = null!;
            PreferenceSet? pairs = null;
            CpuShare share = CpuShare.Begin(call.Threads);
            // A run that is whole is opened all the same: it makes no step, and tells its sizes.
            Always(
                4,
                "pretraining: it reads",
                () =>
                {
                    Recipe recipe = Recipe.Load(
                        Presets.Recipe(_size.Recipe),
                        Overrides(
                            ("tokenizer", At("tokenizer")),
                            ("data.train", At("tokens")),
                            ("data.valid", At("tokens")),
                            ("out", At("run"))
                        )
                    );
                    return (trained = PretrainRun.Train(call, recipe, resume: GoesOn("run"), force: true)).Interrupted;
                }
            );
            Always(
                5,
                "fine-tuning: it learns to answer questions",
                () =>
                {
                    SftRecipe recipe = SftRecipe.Load(
                        Presets.Recipe(_size.SftRecipe, "sft"),
                        Overrides(
                            ("model.path", trained.Checkpoint!),
                            ("data.train", At("corpus/conversations.jsonl")),
                            ("out", At("chat"))
                        )
                    );
                    (tuned, data) = SftCommand.Train(call, recipe, resume: GoesOn("chat"), force: true);
                    return tuned.Interrupted;
                }
            );
            Always(
                6,
                "preferences: right answers against wrong ones of its own",
                () =>
                {
                    long mistakes =
                        _done < 6 && !GoesOn("preferred")
                            ? OwnMistakes.Write(
                                call,
                                tuned.Checkpoint!,
                                tokenizer,
                                At("corpus/conversations.jsonl"),
                                _size.Pairs,
                                (ulong)state.Seed,
                                At("pairs.jsonl")
                            )
                            : File.ReadLines(At("pairs.jsonl")).LongCount();
                    if (mistakes < FewestPairs)
                    {
                        call.Say(
                            Format.Text(
                                $"the model errs in {mistakes:N0} questions, and to learn from it takes {FewestPairs}: there is no preference to learn, and this stage is left out"
                            )
                        );
                        return false;
                    }
                    PreferenceRecipe recipe = PreferenceRecipe.Load(
                        Presets.Recipe("quickstart", "dpo"),
                        Overrides(("model.path", tuned.Checkpoint!), ("data.train", At("pairs.jsonl")), ("out", At("preferred")))
                    );
                    (preferred, pairs) = DpoCommand.Train(call, recipe, resume: GoesOn("preferred"), force: true);
                    return preferred.Interrupted;
                }
            );
            double busy = share.End();
            Say(7, "questions that were never asked");
            QuickstartAnswers answers = Ask(world, tokenizer, trained.Checkpoint!, tuned.Checkpoint!, preferred?.Checkpoint);
            Log("pretrain", trained, answers.Before, answers.UnaskedBefore, answers.Completed);
            Log("sft", tuned, answers.After, answers.UnaskedAfter, answers.Inferred);
            if (preferred is not null)
            {
                Log("dpo", preferred, answers.Preferred, answers.UnaskedPreferred, answers.InferredPreferred);
            }
            string story = Story(tokenizer, trained.Checkpoint!);
            Done(7);
            QuickstartReport report = new(
                directory,
                trained,
                tuned,
                preferred,
                data,
                pairs,
                answers,
                story,
                tokenizer.VocabularySize,
                Stopwatch.GetElapsedTime(began).TotalSeconds,
                busy
            );
            return call.Result(report.Json(), _ => report.Print(call));
        }

        private string At(string name) => Path.Combine(directory, name);

        private bool GoesOn(string run) => _goesOn && new CheckpointFolder(At(run)).Steps().Count > 0;

        private void Say(int stage, string what) => call.Say($"{stage}/{Stages} {what}");

        private void Stage(int stage, string what, Action work)
        {
            if (_done < stage)
            {
                Say(stage, what);
                work();
                Done(stage);
            }
        }

        private void Always(int stage, string what, Func<bool> isInterrupted)
        {
            Say(stage, what);
            if (isInterrupted())
            {
                throw new OperationCanceledException();
            }
            Done(stage);
        }

        private void Done(int stage)
        {
            _done = Math.Max(_done, stage);
            (state with { StagesDone = _done }).Save(directory);
        }

        private List<KeyValuePair<string, string>> Overrides(params ReadOnlySpan<(string Key, string Value)> paths)
        {
            List<KeyValuePair<string, string>> keys =
            [
                new("train.seed", state.Seed.ToString(CultureInfo.InvariantCulture)),
                new("train.precision", state.Precision),
            ];
            foreach ((string key, string value) in paths)
            {
                keys.Add(new(key, value));
            }
            if (call.Threads is { } threads)
            {
                keys.Add(new("train.threads", threads.ToString(CultureInfo.InvariantCulture)));
            }
            return keys;
        }

        private QuickstartAnswers Ask(SmallWorldCorpus world, Tokenizer tokenizer, string pretrained, string tuned, string? preferred)
        {
            QuestionFormat lines = QuestionFormat.Lines(tokenizer),
                chat = QuestionFormat.Chat(tokenizer),
                sentences = QuestionFormat.Sentences(tokenizer);
            (string Model, QuestionFormat Asking, IReadOnlyList<WorldQuestion> Questions)[] rounds =
            [
                (pretrained, lines, world.Reworded),
                (tuned, chat, world.Reworded),
                (pretrained, lines, world.Unasked),
                (tuned, chat, world.Unasked),
                (pretrained, sentences, world.HeldOut),
                (tuned, chat, world.HeldOut),
                .. preferred is null
                    ? (IEnumerable<(string, QuestionFormat, IReadOnlyList<WorldQuestion>)>)[]
                    : [(preferred, chat, world.Reworded), (preferred, chat, world.Unasked), (preferred, chat, world.HeldOut)],
            ];
            rounds = [.. rounds.Select(r => r with { Questions = HeldOutFacts.Choose(r.Questions, _size.Questions) })];
            int asked = 0,
                all = rounds.Sum(r => r.Questions.Count);
            IReadOnlyList<FactAnswer>[] answers = call.WithProgress(
                "questions",
                bar =>
                    rounds
                        .Select(r =>
                            call.Compute(device =>
                                HeldOutFacts.Ask(
                                    r.Model,
                                    tokenizer,
                                    r.Asking,
                                    r.Questions,
                                    device,
                                    () => bar.Report(((double)++asked / all, $"{asked:N0} of {all:N0} asked")),
                                    call.Cancelled
                                )
                            )
                        )
                        .ToArray()
            );
            return new QuickstartAnswers(
                answers[0],
                answers[1],
                answers[2],
                answers[3],
                answers[4],
                answers[5],
                answers.ElementAtOrDefault(6) ?? [],
                answers.ElementAtOrDefault(7) ?? [],
                answers.ElementAtOrDefault(8) ?? []
            );
        }

        /// <summary>Adds a stage to eval_results.jsonl.</summary>
        private void Log(
            string stage,
            RunResult run,
            IReadOnlyList<FactAnswer> reworded,
            IReadOnlyList<FactAnswer> unasked,
            IReadOnlyList<FactAnswer> untold
        ) =>
            StageRecord.Append(
                At("eval_results.jsonl"),
                StageRecord.Create(
                    stage,
                    run.Progress.Step,
                    run.Checkpoint!,
                    "small_world",
                    new (string Name, IReadOnlyList<FactAnswer> Answers)[]
                    {
                        ("told_in_new_words", reworded),
                        ("told_never_asked", unasked),
                        ("never_told", untold),
                    }.Select(a => KeyValuePair.Create(a.Name, Share.Measure(a.Answers.Select(f => f.Right)))),
                    run.Last is { } last ? (last.Loss, last.BitsPerByte, last.Labels) : null
                )
            );

        /// <summary>What the pretrained model writes behind the first words of a story.</summary>
        private string Story(Tokenizer tokenizer, string checkpoint) =>
            call.Compute(device =>
            {
                using CausalLm model = Pretrained.Open(checkpoint, device, trained: false);
                SamplingParams sampling = new SamplingParams(Temperature: 0.7f, MaxTokens: StoryTokens, Seed: (ulong)state.Seed).Validate();
                TextGenerator writer = new(model, tokenizer);
                string story =
                    QuickstartReport.StoryBegins + string.Concat(writer.Generate(tokenizer.Encode(QuickstartReport.StoryBegins), sampling));
                return writer.FinishReason == FinishReason.Stop ? story : story.TrimEnd('\uFFFD') + "…";
            });
    }
}
