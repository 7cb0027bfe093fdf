using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink quickstart</c>: from nothing to a model that writes, offline, with everything it learns from made on the spot.</summary>
internal static class Quickstart
{
    /// <summary>How much of everything.</summary>
    private sealed record Size(string Recipe, string SftRecipe, long CorpusBytes, int Vocabulary, int Questions);

    private static readonly Size Whole = new("quickstart", "quickstart", 4_000_000, 1024, 200);
    private static readonly Size Smoke = new("quickstart-smoke", "quickstart-smoke", 600_000, 1024, 40);

    public static Verb Create()
    {
        Option<bool> smoke = new("--smoke") { Description = "a much smaller run of the same kind, under 40 seconds" };
        Option<string> output = new("--out") { Description = "directory to write", HelpName = "DIR", DefaultValueFactory = _ => "first-model" };
        return new Verb("quickstart", "makes a small world of sentences, learns a tokenizer and a language model from them, and measures what was learned", [smoke, output], Run,
            "ink quickstart --out first-model",
            "ink quickstart --smoke --out /tmp/smoke --seed 7 --json");

        int Run(Call call)
        {
            Size size = call.Get(smoke) ? Smoke : Whole;
            string directory = call.Get(output)!;
            if (!call.Force)
            {
                call.Claim(directory);   // with --force each part looks at its own place
            }
            long began = Stopwatch.GetTimestamp();
            long seed = call.Seed ?? 42;
            string At(string name) => Path.Combine(directory, name);

            call.Say("1/6 a small world: families, numbers, calendars, towns, stories, in Chinese and English");
            SmallWorldCorpus world = new((ulong)seed);
            AtomicDirectory.Write(At("corpus"), call.Force, place => world.Write(place, size.CorpusBytes));
            PrepareResult prepared = new Preparation(new PrepareOptions([At("corpus/world.jsonl")], At("text"), ValidRatio: 0.02, Force: call.Force)).Run(null, call.Cancelled);

            call.Say("2/6 a tokenizer");
            Tokenizer tokenizer = BpeTrainer.Train([At("text/tokenizer_corpus.txt")],
                // GPT-2's pattern never joins a colon with the word after it, so "答：" ends where an answer begins.
                new BpeTrainerOptions(size.Vocabulary, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], Threads: call.Threads ?? 0), null, call.Cancelled)
                .WithChatTemplate(ChatTemplate.ChatMl);
            AtomicDirectory.Write(At("tokenizer"), call.Force, tokenizer.Save);

            call.Say("3/6 token shards");
            TokenizeResult tokens = Tokenize.Do(call, tokenizer, At("tokenizer"), new TokenizeOptions([At("text")], At("tokens"), Force: call.Force));

            call.Say("4/6 pretraining");
            Recipe recipe = Recipe.Load(Presets.Recipe(size.Recipe), Overrides(call, seed, ("tokenizer", At("tokenizer")), ("data.train", At("tokens")), ("data.valid", At("tokens")), ("out", At("run"))));
            RunResult trained = PretrainRun.Do(call, recipe, resume: false);
            if (trained.Interrupted)
            {
                return Interrupted(call, trained, "pretrain", At("run"));
            }

            call.Say("5/6 fine-tuning: how to answer questions");
            SftRecipe teaching = SftRecipe.Load(Presets.Recipe(size.SftRecipe, "sft"), Overrides(call, seed, ("model.path", trained.Checkpoint!), ("data.train", At("corpus/conversations.jsonl")), ("out", At("chat"))));
            (RunResult tuned, ConversationSet data) = SftVerb.Do(call, teaching, resume: false);
            if (tuned.Interrupted)
            {
                return Interrupted(call, tuned, "sft", At("chat"));
            }

            call.Say("6/6 questions that were never asked");
            IReadOnlyList<FactScore> Ask(RunResult run, Asking asking, IReadOnlyList<WorldQuestion> questions)
                => call.Compute(device => HeldOutFacts.Measure(run.Checkpoint!, tokenizer, asking, HeldOutFacts.Choose(questions, size.Questions), device, call.Cancelled));
            Asking lines = Asking.Lines(tokenizer), chat = Asking.Chat(tokenizer);
            Answers answers = new(Ask(trained, lines, world.Reworded), Ask(tuned, chat, world.Reworded), Ask(trained, lines, world.Unasked), Ask(tuned, chat, world.Unasked),
                Ask(trained, Asking.Sentences(tokenizer), world.HeldOut), Ask(tuned, chat, world.HeldOut));
            Report report = new(directory, prepared, tokens, tokenizer.VocabularySize, trained, tuned, data, answers, Stopwatch.GetElapsedTime(began).TotalSeconds);
            return call.Result(report.Json(), _ => report.Print(call));
        }
    }

    private static int Interrupted(Call call, RunResult run, string verb, string place)
    {
        call.Out.WriteLine($"interrupted after {run.Progress.Step} steps; go on with: ink {verb} {place}/recipe.resolved.yaml --resume");
        return 130;
    }

    private static List<KeyValuePair<string, string>> Overrides(Call call, long seed, params ReadOnlySpan<(string Key, string Value)> paths)
    {
        List<KeyValuePair<string, string>> keys = [new("train.seed", seed.ToString(CultureInfo.InvariantCulture))];
        foreach ((string key, string value) in paths)
        {
            keys.Add(new(key, value));
        }
        if (call.Threads is { } threads)
        {
            keys.Add(new("train.threads", threads.ToString(CultureInfo.InvariantCulture)));
        }
        if (call.Precision is { } precision)
        {
            keys.Add(new("train.precision", precision));
        }
        return keys;
    }

    /// <summary>Exact match by greedy generation, before and after fine-tuning.</summary>
    /// <param name="Before">Questions in words that were never used for this fact, put to the pretrained model as documents put questions.</param>
    /// <param name="After">The same, put to the fine-tuned model by its chat template.</param>
    /// <param name="UnaskedBefore">Questions about what documents tell but never ask in any words.</param>
    /// <param name="UnaskedAfter">The same, put to the fine-tuned model.</param>
    /// <param name="Completed">Sentences that no document contains, which follow from others, completed by the pretrained model.</param>
    /// <param name="Inferred">The same as questions to the fine-tuned model.</param>
    private sealed record Answers(IReadOnlyList<FactScore> Before, IReadOnlyList<FactScore> After, IReadOnlyList<FactScore> UnaskedBefore, IReadOnlyList<FactScore> UnaskedAfter,
        IReadOnlyList<FactScore> Completed, IReadOnlyList<FactScore> Inferred);

    /// <summary>What the main job measured.</summary>
    private sealed record Report(string Directory, PrepareResult Prepared, TokenizeResult Tokens, int Vocabulary, RunResult Trained, RunResult Tuned, ConversationSet Data, Answers Answers, double Seconds)
    {

        private double? Fraction => Trained.Facts.Roof is { } roof ? Trained.Facts.FlopsPerToken * Trained.TokensPerSecond / roof : null;

        public JsonObject Json() => new()
        {
            ["out"] = Directory,
            ["seconds"] = Math.Round(Seconds, 1),
            ["corpus_bytes"] = Prepared.Bytes,
            ["documents"] = Prepared.Documents,
            ["vocab_size"] = Vocabulary,
            ["train_tokens"] = Tokens.TrainTokens,
            ["valid_tokens"] = Tokens.ValidTokens,
            ["parameters"] = Trained.Facts.Parameters,
            ["steps"] = Trained.Progress.Step,
            ["tokens_seen"] = Trained.Progress.Tokens,
            ["bits_per_byte_before"] = Trained.First?.BitsPerByte,
            ["bits_per_byte_after"] = Trained.Last?.BitsPerByte,
            ["sft_conversations"] = Data.Train.Count,
            ["sft_steps"] = Tuned.Progress.Step,
            ["sft_valid_loss_before"] = Tuned.First?.Loss,
            ["sft_valid_loss_after"] = Tuned.Last?.Loss,
            ["exact_match"] = Part(Answers.After, s => s.Right),
            ["exact_match_before_sft"] = Part(Answers.Before, s => s.Right),
            ["exact_match_of"] = Answers.After.Sum(s => s.Asked),
            ["exact_match_by_category"] = Categories(Answers.After),
            ["ended_by_itself"] = Part(Answers.After, s => s.Ended),
            ["never_asked_before_sft"] = Part(Answers.UnaskedBefore, s => s.Right),
            ["never_asked"] = Part(Answers.UnaskedAfter, s => s.Right),
            ["never_asked_of"] = Answers.UnaskedAfter.Sum(s => s.Asked),
            ["never_asked_by_category"] = Categories(Answers.UnaskedAfter),
            ["never_told_completed"] = Part(Answers.Completed, s => s.Right),
            ["never_told_answered"] = Part(Answers.Inferred, s => s.Right),
            ["never_told_of"] = Answers.Inferred.Sum(s => s.Asked),
            ["never_told_by_category"] = Categories(Answers.Inferred),
            ["tokens_per_second"] = Math.Round(Trained.TokensPerSecond, 1),
            ["fraction_of_roof"] = Fraction,
            ["checkpoint"] = Tuned.Checkpoint,
            ["pretrained_checkpoint"] = Trained.Checkpoint,
        };

        public void Print(Call call)
        {
            Table table = new Table().Border(TableBorder.Rounded).Title("measured on held-out text").AddColumns("what", "pretrained", "fine-tuned");
            void Row(string what, string pretrained, string tuned) => table.AddRow(what, pretrained, tuned);
            void Scores(string what, IReadOnlyList<FactScore> before, IReadOnlyList<FactScore> after)
            {
                Row(what, Score(before), Score(after));
                foreach ((FactScore b, FactScore a) in before.Zip(after))
                {
                    Row("  " + a.Category, $"{b.Right} of {b.Asked}", $"{a.Right} of {a.Asked}");
                }
            }

            Row("text", Figures.Of($"{Figures.Bytes(Prepared.Bytes)}, {Prepared.TrainDocuments:N0} documents"), Figures.Of($"{Data.Train.Count:N0} questions and answers"));
            Row("model", $"{Figures.Count(Trained.Facts.Parameters)} parameters, {Vocabulary:N0} tokens", "all of them trained");
            Row("tokens seen", Figures.Count(Trained.Progress.Tokens), Figures.Count(Tuned.Progress.Tokens));
            Row("bits per byte", Figures.Of($"{Trained.First?.BitsPerByte:0.000} → {Trained.Last?.BitsPerByte:0.000}"), "");
            Row("loss of answers", "", Figures.Of($"{Tuned.First?.Loss:0.000} → {Tuned.Last?.Loss:0.000}"));
            Scores("questions in new words", Answers.Before, Answers.After);
            Row("answers that end by themselves", "", Figures.Of($"{Answers.After.Sum(s => s.Ended)} of {Answers.After.Sum(s => s.Asked)}"));
            Scores("facts told, never asked", Answers.UnaskedBefore, Answers.UnaskedAfter);
            Scores("facts never told (completed; answered)", Answers.Completed, Answers.Inferred);
            Row("speed", Figures.Of($"{Trained.TokensPerSecond:#,0} tokens/s{(Fraction is { } f ? Figures.Of($", {100 * f:0} % of the roof") : "")}"), Figures.Of($"{Tuned.TokensPerSecond:#,0} tokens/s"));
            Row("time", "", Figures.Time(Seconds));
            call.Page.Write(table);
            string example = Answers.After.FirstOrDefault(s => s.Example is not null)?.Example ?? "你好";
            call.Out.WriteLine($"""
                written: {Directory}/corpus, text, tokenizer, tokens, run (pretrained), chat (fine-tuned: {Tuned.Checkpoint})
                try:  ink chat --model {Directory}/chat --message "{example}" --temperature 0
                      ink generate --model {Directory}/run --prompt "从前"
                      ink inspect {Directory}/tokenizer --masks {Directory}/corpus/conversations.jsonl
                      ink pretrain poems
                """);
        }

        private static string Score(IReadOnlyList<FactScore> scores)
            => Figures.Of($"{scores.Sum(s => s.Right)} of {scores.Sum(s => s.Asked)} exactly ({100.0 * scores.Sum(s => s.Right) / scores.Sum(s => s.Asked):0} %)");

        private static double Part(IReadOnlyList<FactScore> scores, Func<FactScore, int> count) => (double)scores.Sum(count) / scores.Sum(s => s.Asked);

        private static JsonArray Categories(IReadOnlyList<FactScore> scores)
            => [.. scores.Select(s => new JsonObject { ["category"] = s.Category, ["right"] = s.Right, ["asked"] = s.Asked })];
    }
}
