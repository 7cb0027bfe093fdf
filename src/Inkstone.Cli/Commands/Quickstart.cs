using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink quickstart</c>: from nothing to a model that writes, offline, with everything it learns from made on the spot.</summary>
internal static class Quickstart
{
    /// <summary>How much of everything.</summary>
    private sealed record Size(string Recipe, long CorpusBytes, int Vocabulary, int Questions);

    private static readonly Size Whole = new("quickstart", 4_000_000, 1024, 200);
    private static readonly Size Smoke = new("quickstart-smoke", 600_000, 1024, 40);

    public static Verb Create()
    {
        Option<bool> smoke = new("--smoke") { Description = "a much smaller run of the same kind, under 40 seconds" };
        Option<string> output = new("--out") { Description = "directory to write", HelpName = "DIR", DefaultValueFactory = _ => "first-model" };
        return new Verb("quickstart", "makes a small world of sentences, learns a tokenizer and a language model from them, and measures what was learned", [smoke, output], Run,
            "ink quickstart --out first-model",
            "ink quickstart --smoke --out /tmp/smoke --seed 7 --json")
        { SavesOnInterrupt = true };

        int Run(Call call)
        {
            Size size = call.Get(smoke) ? Smoke : Whole;
            string directory = call.Claim(call.Get(output)!);
            long began = Stopwatch.GetTimestamp();
            long seed = call.Seed ?? 42;
            string At(string name) => Path.Combine(directory, name);

            call.Say("1/5 a small world: families, numbers, calendars, towns, stories, in Chinese and English");
            SmallWorldCorpus world = new((ulong)seed);
            Directory.CreateDirectory(At("corpus"));
            string corpus = world.Write(At("corpus"), size.CorpusBytes);
            PrepareResult prepared = new Preparation(new PrepareOptions([corpus], At("text"), ValidRatio: 0.02, Force: call.Force)).Run(null, call.Cancelled);

            call.Say("2/5 a tokenizer");
            Tokenizer tokenizer = BpeTrainer.Train([At("text/tokenizer_corpus.txt")],
                // GPT-2's pattern never joins a colon with the word after it, so "答：" ends where an answer begins.
                new BpeTrainerOptions(size.Vocabulary, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>"], Threads: call.Threads ?? 0), null, call.Cancelled);
            tokenizer.Save(At("tokenizer"));

            call.Say("3/5 token shards");
            TokenizeResult tokens = Tokenize.Do(call, tokenizer, At("tokenizer"), new TokenizeOptions([At("text")], At("tokens"), Force: call.Force));

            call.Say("4/5 pretraining");
            Recipe recipe = Recipe.Load(Presets.Recipe(size.Recipe), Overrides(call, directory, seed));
            RunResult trained = PretrainRun.Do(call, recipe, resume: false);
            if (trained.Interrupted)
            {
                call.Out.WriteLine($"interrupted after {trained.Progress.Step} steps; go on with: ink pretrain {At("run/recipe.resolved.yaml")} --resume");
                return 130;
            }

            call.Say("5/5 questions that no document asks");
            IReadOnlyList<FactScore> scores = call.Compute(device => HeldOutFacts.Measure(trained.Checkpoint!, tokenizer, HeldOutFacts.Choose(world.HeldOut, size.Questions), device, call.Cancelled));
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            Report report = new(directory, prepared, tokens, tokenizer.VocabularySize, trained, scores, seconds);
            return call.Result(report.Json(), _ => report.Print(call));
        }
    }

    private static List<KeyValuePair<string, string>> Overrides(Call call, string directory, long seed)
    {
        List<KeyValuePair<string, string>> keys =
        [
            new("tokenizer", Path.Combine(directory, "tokenizer")), new("data.train", Path.Combine(directory, "tokens")), new("data.valid", Path.Combine(directory, "tokens")),
            new("out", Path.Combine(directory, "run")), new("train.seed", seed.ToString(CultureInfo.InvariantCulture)),
        ];
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

    /// <summary>What the main job measured.</summary>
    private sealed record Report(string Directory, PrepareResult Prepared, TokenizeResult Tokens, int Vocabulary, RunResult Trained, IReadOnlyList<FactScore> Scores, double Seconds)
    {
        private int Right => Scores.Sum(s => s.Right);

        private int Asked => Scores.Sum(s => s.Asked);

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
            ["exact_match"] = (double)Right / Asked,
            ["exact_match_of"] = Asked,
            ["exact_match_by_category"] = new JsonArray([.. Scores.Select(s => new JsonObject { ["category"] = s.Category, ["right"] = s.Right, ["asked"] = s.Asked })]),
            ["tokens_per_second"] = Math.Round(Trained.TokensPerSecond, 1),
            ["fraction_of_roof"] = Fraction,
            ["checkpoint"] = Trained.Checkpoint,
        };

        public void Print(Call call)
        {
            Table table = new Table().Border(TableBorder.Rounded).Title("measured on held-out text").AddColumn("what").AddColumn("figure");
            table.AddRow("text", Figures.Of($"{Figures.Bytes(Prepared.Bytes)}, {Prepared.TrainDocuments:N0} documents + {Prepared.ValidDocuments:N0} held out"));
            table.AddRow("model", $"{Figures.Count(Trained.Facts.Parameters)} parameters, {Vocabulary:N0} tokens, saw {Figures.Count(Trained.Progress.Tokens)}");
            table.AddRow("bits per byte", Figures.Of($"{Trained.First?.BitsPerByte:0.000} before, {Trained.Last?.BitsPerByte:0.000} after"));
            table.AddRow("facts never shown", Figures.Of($"{Right} of {Asked} answered exactly ({100.0 * Right / Asked:0} %)"));
            foreach (FactScore s in Scores)
            {
                table.AddRow("  " + s.Category, $"{s.Right} of {s.Asked}");
            }
            table.AddRow("speed", Figures.Of($"{Trained.TokensPerSecond:#,0} tokens/s{(Fraction is { } f ? Figures.Of($", {100 * f:0} % of the roof") : "")}"));
            table.AddRow("time", Figures.Time(Seconds));
            call.Page.Write(table);
            FactScore? example = Scores.FirstOrDefault(s => s.Example is not null);
            call.Out.WriteLine($"""
                written: {Directory}/corpus, text, tokenizer, tokens, run (checkpoint {Trained.Checkpoint})
                try:  ink generate --model {Directory}/run --prompt "{example?.Example ?? "从前"}"
                      ink chat --model {Directory}/run --temperature 0
                      ink inspect {Directory}/run
                      ink pretrain poems
                """);
        }
    }
}
