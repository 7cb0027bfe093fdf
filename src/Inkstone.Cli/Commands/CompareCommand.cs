using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.SmallWorld;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink compare</c>: families at equal parameters, tokens and data.</summary>
internal static class CompareCommand
{
    private const string ResultFile = "result.json",
        SettingsFile = "compare.json",
        PageFile = "index.html",
        ModelFile = "model.json";

    private const int CacheStep = 512,
        DecodePrompt = 32,
        DecodeTokens = 64,
        Vocabulary = 1024;

    private static readonly KeyValuePair<string, string>[] Less =
    [
        new("train.steps", "4"),
        new("train.batch_size", "2"),
        new("train.accumulation", "1"),
        new("data.sequence_length", "64"),
        new("train.eval_batches", "2"),
        new("schedule.warmup_steps", "1"),
    ];

    public static CliCommand Create()
    {
        Argument<string> file = new("SHOOTOUT")
        {
            Description = "file of the comparison (YAML), or a preset: " + string.Join(", ", Presets.Names("compare")),
        };
        Option<string> output = RunReport.Out();
        Option<bool> smoke = new("--smoke")
        {
            Description = "a few steps of each family, one seed: whether everything works, not who is better",
        };
        return new CliCommand(
            "compare",
            "trains families at equal parameters, equal tokens and the same data, and puts them side by side; a stopped comparison goes on when the command is repeated",
            [file, output, smoke],
            Run,
            "ink compare families --smoke --out runs/families-smoke",
            "ink compare my-shootout.yaml --out runs/shootout --train.tokens 8M"
        )
        {
            TakesRecipeKeys = true,
        };

        int Run(CommandContext call)
        {
            bool small = call.Get(smoke);
            List<KeyValuePair<string, string>> keys = [.. small ? Less : [], .. RunReport.Overrides(call)];
            Shootout shootout = Shootout.Load(Presets.Recipe(call.Get(file)!, "compare"), keys);
            string directory = call.Get(output) ?? shootout.Out;
            shootout = small ? shootout with { Seeds = [shootout.Seeds[0]] } : shootout;
            Begin(call, directory, shootout, keys);
            if (!shootout.OwnData)
            {
                World(call, Path.Combine(directory, "world"), small ? 600_000 : 4_000_000);
                foreach (
                    (string key, string place) in (ReadOnlySpan<(string, string)>)
                        [("tokenizer", "tokenizer"), ("data.train", "tokens"), ("data.valid", "tokens")]
                )
                {
                    keys.Add(new(key, Path.Combine(directory, "world", place)));
                }
            }
            string recipe = Path.Combine(directory, "recipe.yaml");
            AtomicFile.WriteText(recipe, shootout.Recipe);
            List<Contestant> done = [];
            foreach (ContestantOptions family in shootout.Families)
            {
                if (Contest(call, directory, recipe, family, shootout, keys) is not { } contestant)
                {
                    call.Error.WriteLine("ink: stopped; repeat the same command to go on");
                    return 130;
                }
                done.Add(contestant);
                AtomicFile.WriteText(
                    Path.Combine(directory, PageFile),
                    ComparePage.Write(Path.GetFileNameWithoutExtension(call.Get(file)!), shootout, done, CpuFeatures.Describe())
                );
            }
            JsonObject json = Json(shootout, done, directory);
            return call.Result(json, _ => Print(call, done, directory));
        }
    }

    /// <summary>All runs of one family; null when it was interrupted.</summary>
    private static Contestant? Contest(
        CommandContext call,
        string directory,
        string recipe,
        ContestantOptions family,
        Shootout shootout,
        List<KeyValuePair<string, string>> keys
    )
    {
        string place = Path.Combine(directory, family.Name),
            model = Path.Combine(place, ModelFile);
        string tokenizerPath =
            keys.LastOrDefault(k => k.Key == "tokenizer").Value
            ?? Recipe.Load(recipe, [new("model.preset", Presets.Names("models")[0]), new("out", place), .. keys]).Tokenizer;
        Tokenizer tokenizer = Tokenizer.Load(tokenizerPath).WithPadToken();
        FittedFamily fitted = FamilyFit.Fit(family, shootout.ActiveParameters, tokenizer.VocabularySize, TokenIds.FromTokenizer(tokenizer));
        Directory.CreateDirectory(place);
        AtomicFile.WriteText(model, fitted.Config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        List<JsonObject> runs = [];
        foreach (long seed in shootout.Seeds)
        {
            string run = Path.Combine(place, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}")),
                result = Path.Combine(run, ResultFile);
            if (!File.Exists(result))
            {
                call.Say(
                    Format.Text($"{family.Name}, seed {seed}: {fitted.Active:N0} of {fitted.Parameters:N0} parameters work for a token")
                );
                Recipe loaded = Recipe.Load(
                    recipe,
                    [new("model.preset", model), .. keys, new("train.seed", seed.ToString(CultureInfo.InvariantCulture)), new("out", run)]
                );
                RunResult trained = PretrainRun.Train(call, loaded, resume: new CheckpointFolder(run).Steps().Count > 0, force: true);
                if (trained.Interrupted)
                {
                    return null;
                }
                JsonObject told = RunReport.Json(loaded, trained);
                told["decode_tokens_per_second"] = Decode(call, trained.Checkpoint!);
                AtomicFile.WriteText(result, told.ToJsonString() + "\n");
            }
            runs.Add((JsonObject)JsonNode.Parse(File.ReadAllText(result))!);
        }
        using Device device = new(threads: 1);
        using CausalLm sizes = Pretrained.Describe(HfConfig.Parse(fitted.Config.ToJsonString()), device);
        return new Contestant(
            family.Name,
            sizes.Config.Text("model_type"),
            fitted.Parameters,
            fitted.Active,
            sizes.CacheBytes(Contestant.ShortCache, CacheStep),
            sizes.CacheBytes(Contestant.LongCache, CacheStep),
            runs,
            [
                .. shootout.Seeds.Select(seed =>
                    RunMetrics.Read(Path.Combine(place, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}")))
                ),
            ]
        );
    }

    /// <summary>Tokens a second behind a short prompt, one text alone, in the types of the checkpoint.</summary>
    private static double Decode(CommandContext call, string checkpoint) =>
        call.Compute(device =>
        {
            using CausalLm model = Models.Open(checkpoint, device);
            int tokens = Math.Min(DecodeTokens, model.MaxPositionEmbeddings - DecodePrompt);
            using Engine engine = new(model, null, new EngineOptions { MaxSequences = 1, MaxLength = DecodePrompt + tokens });
            int[] prompt = [.. Enumerable.Range(1, DecodePrompt).Select(i => i % model.VocabSize)];
            double best = 0;
            for (int round = 0; round < 3; round++)
            {
                Generation text = engine.Add(new GenerationRequest(prompt, SamplingParams.Greedy(tokens, ignoreEos: true)));
                while (text.Ids.Length == 0 && engine.Step()) { }
                long began = Stopwatch.GetTimestamp();
                int before = text.Ids.Length;
                while (engine.Step()) { }
                best = Math.Max(best, (text.Ids.Length - before) / Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
            return Math.Round(best, 1);
        });

    /// <summary>Claims the directory, or finds there what was begun with the same settings.</summary>
    private static void Begin(CommandContext call, string directory, Shootout shootout, List<KeyValuePair<string, string>> keys)
    {
        JsonObject settings = new()
        {
            ["families"] = new JsonArray([
                .. shootout.Families.Select(f =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["name"] = f.Name,
                            ["preset"] = f.Model.Preset,
                            ["keys"] = new JsonObject(f.Model.Keys.Select(k => KeyValuePair.Create(k.Key, k.Value?.DeepClone()))),
                            ["fit"] = new JsonArray([.. f.Fit.Select(k => JsonValue.Create(k))]),
                        }
                ),
            ]),
            ["active_parameters"] = shootout.ActiveParameters,
            ["seeds"] = new JsonArray([.. shootout.Seeds.Select(s => JsonValue.Create(s))]),
            ["recipe"] = shootout.Recipe,
            ["keys"] = new JsonArray([.. keys.Where(k => k.Key != "train.threads").Select(k => JsonValue.Create($"{k.Key} {k.Value}"))]),
        };
        string path = Path.Combine(directory, SettingsFile),
            text = settings.ToJsonString() + "\n";
        if (File.Exists(path) && !call.Force)
        {
            if (File.ReadAllText(path) != text)
            {
                throw new ArgumentException(
                    $"{directory} holds a comparison with other settings ({path}); name another --out, or add --force to begin anew"
                );
            }
            return;
        }
        call.Claim(directory);
        if (call.Force)
        {
            foreach (
                string result in Directory.Exists(directory)
                    ? Directory.EnumerateFiles(directory, ResultFile, SearchOption.AllDirectories)
                    : []
            )
            {
                Directory.Delete(Path.GetDirectoryName(result)!, recursive: true);
            }
        }
        AtomicFile.WriteText(path, text);
    }

    private static void World(CommandContext call, string directory, long bytes)
    {
        string done = Path.Combine(directory, "done");
        if (File.Exists(done))
        {
            return;
        }
        call.Say("data: the small world, which is made on the spot");
        SmallWorldData.Corpus(call, new SmallWorldCorpus(42), directory, bytes);
        SmallWorldData.Learn(call, directory, Vocabulary);
        SmallWorldData.Shards(call, directory);
        AtomicFile.WriteText(done, "");
    }

    private static JsonObject Json(Shootout shootout, List<Contestant> all, string directory) =>
        new()
        {
            ["out"] = directory,
            ["page"] = Path.Combine(directory, PageFile),
            ["machine"] = CpuFeatures.Describe(),
            ["active_parameters"] = shootout.ActiveParameters,
            ["seeds"] = new JsonArray([.. shootout.Seeds.Select(s => JsonValue.Create(s))]),
            ["families"] = new JsonArray([.. all.Select(c => c.Json())]),
        };

    private static void Print(CommandContext call, List<Contestant> all, string directory)
    {
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns(
                "family",
                "active",
                "total",
                "bits per byte",
                "training tok/s",
                "% of roof",
                "decoding tok/s",
                "cache B/token at 1k",
                "at 32k"
            );
        foreach (Contestant c in Contestant.Ranked(all))
        {
            table.AddRow([c.Name, Format.Count(c.Active), Format.Count(c.Parameters), .. c.Figures()]);
        }
        call.Page.Write(table);
        call.Out.WriteLine($"page: {Path.Combine(directory, PageFile)}");
    }
}
