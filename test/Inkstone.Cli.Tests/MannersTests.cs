using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inkstone.Cli.Tests;

public sealed partial class MannersTests(Workplace place) : IClassFixture<Workplace>
{
    [Fact]
    public void EveryVerb_ShowsTwoWorkedExamples_AndTheHelpIsTheOneWeKnow()
    {
        List<string> pages = [];
        Visit([]);
        string actual = string.Join("\n", pages);
        string known = Path.Combine(AppContext.BaseDirectory, "help.txt");
        string changed = Path.Combine(AppContext.BaseDirectory, "help.actual.txt");
        File.WriteAllText(changed, actual);
        (File.ReadAllText(known) == actual).ShouldBeTrue(
            $"the help has changed; if it should, copy {changed} over help.txt of this project"
        );

        void Visit(string[] verb)
        {
            string page = Ink.Run([.. verb, "--help"]).ShouldEndWith(0).Output;
            pages.Add(page);
            string examples = page[page.IndexOf("\nExamples:\n", StringComparison.Ordinal)..];
            ExampleLine().Count(examples).ShouldBe(2, page);
            foreach (
                Match match in VerbLine()
                    .Matches(
                        page.Contains("\nVerbs:\n", StringComparison.Ordinal)
                            ? page[
                                page.IndexOf("\nVerbs:\n", StringComparison.Ordinal)..page.IndexOf(
                                    "\nFlags of every",
                                    StringComparison.Ordinal
                                )
                            ]
                            : ""
                    )
            )
            {
                Visit([.. verb, match.Groups[1].Value]);
            }
        }
    }

    [Theory]
    [InlineData("pretain", "did you mean 'pretrain'?")]
    [InlineData("tokenizer trian", "did you mean 'train'?")]
    [InlineData("generate --modle x", "did you mean '--model'?")]
    [InlineData("generate --prompt x", "--model")]
    [InlineData("pretrain r.yaml --rseume", "did you mean '--resume'?")]
    [InlineData("pretrain r.yaml --train.stpes 5", "did you mean 'train.steps'?")]
    [InlineData("pretrain poem", "did you mean 'poems'?")]
    [InlineData("pretrain r.yaml --precision fp8", "fp32 or bf16")]
    [InlineData("pretrain r.yaml --seed abc", "--seed must be a whole number, got 'abc'")]
    [InlineData("generate --model x --temperature hot", "--temperature must be a number, got 'hot'")]
    [InlineData("generate --model tok --prompt x --top-p 1.5", "--top-p must be above 0 and at most 1, it is 1.5")]
    [InlineData("chat --model tok --message x --repetition-penalty NaN", "--repetition-penalty must be from 0.01 to 100")]
    [InlineData("generate --model tok --prompt x --seed -1", "--seed must be 0 or more, got -1")]
    [InlineData("pretrain r.yaml --threads 0", "--threads must be between 1 and 4096")]
    [InlineData("tokenizer encode --tokenizer nowhere --text x", "nowhere")]
    [InlineData("tokenizer encode --tokenizer tok", "--text S or --texts")]
    [InlineData("tokenizer decode --tokenizer tok --ids 1,x", "'x' is none")]
    [InlineData("tokenizer decode --tokenizer tok --ids 99999", "ids 0 to 299")]
    [InlineData("tokenizer train --input nowhere.txt --vocab-size 300 --out t2", "nowhere.txt")]
    [InlineData("tokenizer train --input r.yaml --vocab-size 300 --pattern gtp2 --out t2", "did you mean 'gpt2'?")]
    [InlineData("tokenizer train --input r.yaml --vocab-size 300 --out tok", "--force")]
    [InlineData("new --config microlm-31 --out m", "did you mean 'microlm-31m'?")]
    [InlineData("inspect nowhere", "nowhere")]
    [InlineData("inspect r.yaml", "of no kind")]
    [InlineData("inspect", "--machine")]
    [InlineData("bench train --compare r.yaml", "no result of ink bench train")]
    [InlineData("inspect r.yaml --machine", "no PATH")]
    [InlineData("pretrain", "RECIPE is missing")]
    [InlineData("convert tok", "OUT is missing")]
    [InlineData("pretrain tok", "tok is a directory, where a recipe is wanted")]
    [InlineData("generate --model tok --prompt", "--prompt needs a value")]
    [InlineData("generate --model r.yaml --prompt x", "r.yaml is no .gguf file; give one, a model directory")]
    [InlineData("tokenizer encode --tokenizer r.yaml --text x", "r.yaml is neither a .gguf file nor a tokenizer.json")]
    [InlineData("tokenizer encode --tokenizer odd --text x", "odd holds no tokenizer")]
    [InlineData("generate --model tok --prompt x", "tok holds a tokenizer and no model")]
    [InlineData("convert tok x.gguf", "tok holds a tokenizer and no model")]
    [InlineData("convert nowhere x.gguf", "there is no file or directory 'nowhere'")]
    [InlineData("generate --model lone --prompt x", "give the file lone/m.gguf itself")]
    [InlineData("new --config quickstart --out q --dtype q8", "--dtype must be bf16, f16 or f32, got 'q8'")]
    [InlineData(
        "data prepare --input r.yaml --out x --max-length 99999999999999",
        "--max-length must be at most 2147483647, got 99999999999999"
    )]
    [InlineData("tokenizer encode --tokenizer tok --texts nowhere.json", "there is no file nowhere.json; check the path")]
    [InlineData("tokenizer encode --tokenizer tok --texts odd", "odd is a directory, where a file is wanted")]
    [InlineData("pretrain r.yaml --tokenizer nowhere", "tokenizer names nowhere, which does not exist")]
    [InlineData("generate --model odd --prompt x", "odd holds no model")]
    [InlineData("tokenizer train --input tok --vocab-size 300 --out t2", "'tok' is a folder")]
    [InlineData("sft lora --model nowhere", "model.path names nowhere, which does not exist")]
    [InlineData("help pretain", "did you mean 'pretrain'?")]
    [InlineData("chat --model nowhere --message x", "there is no file or directory 'nowhere'")]
    [InlineData("pretrain r.yaml --tokenizer.foo x", "no recipe key 'tokenizer.foo'")]
    [InlineData("pretrain r.yaml --data.train [a,{b]", "data.train must be a list")]
    [InlineData("bench train --batch 0", "--batch must be between 1 and 4096, got 0")]
    [InlineData("bench kernels --length -1", "--length must be between 1")]
    [InlineData("bench generate --model x --tokens 1", "--tokens must be between 2")]
    [InlineData("bench generate --model x --rounds 0", "--rounds must be between 1")]
    [InlineData("inspect tok --masks r.yaml --count 0", "--count must be between 1")]
    [InlineData("inspect odd", "holds no model, adapter, run, tokenizer, tokens or text")]
    public void WrongInput_EndsInOneSentenceAndExitCode2(string line, string part)
    {
        Directory.CreateDirectory(place["odd"]);
        Directory.CreateDirectory(place["lone"]);
        File.WriteAllText(place["lone/m.gguf"], "");
        Ink.Outcome outcome = Ink.RunIn(place.Path, line.Split(' ')).ShouldEndWith(2);
        outcome.Output.ShouldBeEmpty();
        outcome.Error.ShouldContain(part);
        outcome.Error.TrimEnd('\n').ShouldNotContain('\n');
    }

    [Fact]
    public void Json_IsOneDocumentAndNothingElse()
    {
        int[] ids =
        [
            .. Json("tokenizer", "encode", "--tokenizer", "tok", "--text", "two and three")
                .EnumerateArray()
                .Single()
                .EnumerateArray()
                .Select(e => e.GetInt32()),
        ];
        string list = string.Join(',', ids);
        Json("tokenizer", "decode", "--tokenizer", "tok", "--ids", list).GetProperty("text").GetString().ShouldBe("two and three");
        Json("inspect", "--machine").GetProperty("units")[0].GetProperty("gops_all_threads").GetDouble().ShouldBeGreaterThan(0);
        Json("tokenizer", "inspect", "--tokenizer", "tok").GetProperty("vocab_size").GetInt32().ShouldBe(300);
        Json("inspect", "tokens/train-00000.bin").GetProperty("end_of_document_id").GetInt32().ShouldBe(0);
        Json("pretrain", "r.yaml", "--out", "json-run", "--train.steps", "6").GetProperty("steps").GetInt32().ShouldBe(6);
        Json("inspect", "json-run").GetProperty("step").GetInt32().ShouldBe(6);
        Json("inspect", "json-run/checkpoints/step-000006/model.safetensors").GetProperty("tensors").GetInt32().ShouldBe(20);
        Json("logits", "--model", "json-run", "--ids", list).GetProperty("logits").GetArrayLength().ShouldBe(ids.Length);
        File.WriteAllText(place["texts.json"], "[\"two and three\", \"今天\"]");
        Json("perplexity", "--model", "json-run", "--texts", "texts.json", "--context", "4")
            .GetProperty("documents")
            .GetArrayLength()
            .ShouldBe(2);
        string text = Json("generate", "--model", "json-run", "--prompt", "two", "--max-tokens", "5", "--temperature", "0")
            .GetProperty("text")
            .GetString()!;
        Json("generate", "--model", "json-run", "--prompt", "two", "--max-tokens", "5", "--temperature", "0", "--no-cache")
            .GetProperty("text")
            .GetString()
            .ShouldBe(text);
        Ink.RunIn(place.Path, "generate", "--model", "json-run", "--prompt", "two", "--max-tokens", "5", "--temperature", "0")
            .ShouldEndWith(0)
            .Output.ShouldBe(text + "\n");
        Json("chat", "--model", "json-run", "--message", "two?", "--message", "几？", "--max-tokens", "4")
            .GetProperty("turns")
            .GetArrayLength()
            .ShouldBe(2);
        Json("new", "--config", "quickstart", "--tokenizer", "tok", "--out", "json-new")
            .GetProperty("parameters")
            .GetInt64()
            .ShouldBeGreaterThan(1_000_000);
        // The only special token of this tokenizer, 0, ends texts and fills up batches.
        foreach (string model in (string[])["json-new", "json-run/checkpoints/step-000006"])
        {
            JsonElement config = Read($"{model}/config.json"),
                generation = Read($"{model}/generation_config.json"),
                tokenizer = Read($"{model}/tokenizer_config.json");
            (config.GetProperty("eos_token_id").GetInt32(), config.GetProperty("pad_token_id").GetInt32()).ShouldBe((0, 0));
            (generation.GetProperty("eos_token_id").GetInt32(), generation.GetProperty("pad_token_id").GetInt32()).ShouldBe((0, 0));
            tokenizer.GetProperty("pad_token").GetString().ShouldBe("<|endoftext|>");
        }
    }

    [Fact]
    public void TextBecomesShards_ThroughPrepareTrainAndTokenize()
    {
        File.WriteAllLines(
            place["raw.jsonl"],
            Enumerable
                .Range(0, 200)
                .Select(i => $"{{\"text\": \"this is document number {i} and it says that {i} is {(i % 2 == 0 ? "even" : "odd")}\"}}")
        );
        JsonElement prepared = Json(
            "data",
            "prepare",
            "--input",
            "raw.jsonl",
            "--min-length",
            "20",
            "--valid-ratio",
            "0.1",
            "--out",
            "text"
        );
        int valid = prepared.GetProperty("valid_documents").GetInt32();
        (prepared.GetProperty("train_documents").GetInt32() + valid).ShouldBe(200);
        Json("tokenizer", "train", "--input", "text/tokenizer_corpus.txt", "--vocab-size", "300", "--out", "text-tok")
            .GetProperty("vocab_size")
            .GetInt32()
            .ShouldBe(300);
        JsonElement tokens = Json("tokenize", "--tokenizer", "text-tok", "--input", "text", "--out", "text-tokens");
        tokens.GetProperty("documents").GetInt32().ShouldBe(200);
        Json("inspect", "text-tokens/valid-00000.bin").GetProperty("documents").GetInt32().ShouldBe(valid);
        Ink.RunIn(place.Path, "data", "prepare", "--input", "raw.jsonl", "--out", "text").ShouldEndWith(2).Error.ShouldContain("text");
        File.AppendAllText(place["raw.jsonl"], "{\"text\": 12\n");
        Ink.RunIn(place.Path, "data", "prepare", "--input", "raw.jsonl", "--out", "text2").ShouldEndWith(2).Error.ShouldContain("201");
        Directory.Exists(place["text2"]).ShouldBeFalse();
    }

    [Fact]
    public void Help_and_version_are_where_users_look()
    {
        Ink.Run("help", "tokenizer", "train")
            .ShouldEndWith(0)
            .Output.ShouldBe(Ink.Run("tokenizer", "train", "--help").ShouldEndWith(0).Output);
        Ink.Run("help").ShouldEndWith(0).Output.ShouldStartWith("ink: ");
        Ink.Run("--version").ShouldEndWith(0).Output.ShouldMatch(@"^ink \d+\.\d+\.\d+\n$");
    }

    [Fact]
    public void Inspect_KnowsEveryFolderThatInkMakes()
    {
        File.WriteAllLines(
            place["seen.jsonl"],
            Enumerable
                .Range(0, 300)
                .Select(i =>
                    $"{{\"text\": \"document {i} says that the number {i} is {(i % 2 == 0 ? "even" : "odd")}, and no more\", \"id\": {i}}}"
                )
        );
        Ink.RunIn(
                place.Path,
                "data",
                "prepare",
                "--input",
                "seen.jsonl",
                "--min-length",
                "20",
                "--valid-ratio",
                "0.1",
                "--out",
                "seen-text",
                "--quiet"
            )
            .ShouldEndWith(0);
        Ink.RunIn(place.Path, "tokenize", "--tokenizer", "tok", "--input", "seen-text", "--out", "seen-tokens", "--quiet").ShouldEndWith(0);
        Ink.RunIn(place.Path, "pretrain", "r.yaml", "--out", "seen-run", "--train.steps", "12", "--train.eval_every", "1", "--quiet")
            .ShouldEndWith(0);

        JsonElement data = Json("inspect", "seen.jsonl");
        data.GetProperty("records").GetInt32().ShouldBe(300);
        data.GetProperty("keys").EnumerateArray().Select(k => k.GetProperty("key").GetString()).ShouldBe(["text", "id"]);
        JsonElement text = Json("inspect", "seen-text");
        text.GetProperty("kind").GetString().ShouldBe("prepared text");
        (text.GetProperty("train_documents").GetInt32() + text.GetProperty("valid_documents").GetInt32()).ShouldBe(300);
        JsonElement tokens = Json("inspect", "seen-tokens");
        tokens.GetProperty("kind").GetString().ShouldBe("tokens");
        tokens.GetProperty("shards").GetArrayLength().ShouldBe(2);
        JsonElement run = Json("inspect", "seen-run");
        run.GetProperty("validations").EnumerateArray().Select(v => v.GetProperty("step").GetInt32()).ShouldBe(Enumerable.Range(0, 13));
        string page = Ink.RunIn(place.Path, "inspect", "seen-run").ShouldEndWith(0).Output;
        page.ShouldContain("step 1 ");
        page.ShouldContain("validations (8 of 13)");
        page.ShouldContain("loss of training as dots");
        Json("inspect", "seen-run/checkpoints/step-000012").GetProperty("kind").GetString().ShouldBe("checkpoint");
        File.WriteAllText(place["array.json"], "[{\"a\": 1}, {\"a\": 2, \"b\": 3}]");
        Json("inspect", "array.json").GetProperty("records").GetInt32().ShouldBe(2);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Quickstart_GoesOnWithTheSameCommand()
    {
        using (Process process = Ink.Start(place.Path, "quickstart", "--smoke", "--out", "stopped", "--json"))
        {
            while (
                !(
                    process.StandardError.ReadLine() is { } line ? line : throw new InvalidOperationException("it ended too soon")
                ).StartsWith("step ", StringComparison.Ordinal)
            ) { }
            Ink.Signal(process, PosixSignal.SIGINT);
            process.StandardError.ReadToEnd().ShouldContain("repeat the same command");
            process.WaitForExit();
            process.ExitCode.ShouldBe(130);
        }
        Ink.RunIn(place.Path, "quickstart", "--smoke", "--out", "stopped", "--seed", "7")
            .ShouldEndWith(2)
            .Error.ShouldContain("--smoke --seed 42");
        JsonElement whole = Json("quickstart", "--smoke", "--out", "never-stopped"),
            resumed = Json("quickstart", "--smoke", "--out", "stopped");
        foreach (
            string same in (string[])
                [
                    "bits_per_byte_before",
                    "bits_per_byte_after",
                    "sft_valid_loss_after",
                    "preference_accuracy",
                    "exact_match_after_preferences",
                    "story",
                ]
        )
        {
            resumed.GetProperty(same).ToString().ShouldBe(whole.GetProperty(same).ToString());
        }
        whole.GetProperty("examples").GetArrayLength().ShouldBe(3);
        Json("inspect", "stopped").GetProperty("kind").GetString().ShouldBe("quickstart");
        Ink.RunIn(place.Path, "quickstart", "--smoke", "--out", "stopped").ShouldEndWith(2).Error.ShouldContain("finished quickstart");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Quickstart_EndsInAMeasuredTable()
    {
        JsonElement result = Json("quickstart", "--smoke", "--out", "first");
        result
            .GetProperty("bits_per_byte_after")
            .GetDouble()
            .ShouldBeLessThan(0.5 * result.GetProperty("bits_per_byte_before").GetDouble());
        result.GetProperty("exact_match_of").GetInt32().ShouldBe(40);
        result.GetProperty("preference_steps").GetInt32().ShouldBeGreaterThan(5);
        result.GetProperty("preference_accuracy").GetDouble().ShouldBeGreaterThan(0.5);
        Json("inspect", "first/run").GetProperty("step").GetInt32().ShouldBe(result.GetProperty("steps").GetInt32());
    }

    [Fact]
    public void TheSameSeed_WritesTheSameText()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "seeded", "--seed", "3", "--quiet")
            .ShouldEndWith(0);
        string once = Json("generate", "--model", "seeded", "--prompt", "two", "--max-tokens", "12", "--seed", "5")
            .GetProperty("text")
            .GetString()!;
        Json("generate", "--model", "seeded", "--prompt", "two", "--max-tokens", "12", "--seed", "5")
            .GetProperty("text")
            .GetString()
            .ShouldBe(once);
        Json("generate", "--model", "seeded", "--prompt", "two", "--max-tokens", "12", "--seed", "6")
            .GetProperty("text")
            .GetString()
            .ShouldNotBe(once);
    }

    [Fact]
    public void ShardsOfAnotherVocabulary_AreRefused()
    {
        Ink.RunIn(place.Path, "tokenizer", "train", "--input", "r.yaml", "--vocab-size", "280", "--out", "other", "--quiet")
            .ShouldEndWith(0);
        Ink.Outcome outcome = Ink.RunIn(place.Path, "pretrain", "r.yaml", "--out", "mismatch", "--tokenizer", "other").ShouldEndWith(2);
        outcome.Error.ShouldContain("train-00000.bin");
        outcome.Error.ShouldContain("other");
        Directory.Exists(place["mismatch"]).ShouldBeFalse();
    }

    [Fact]
    public void A_run_may_have_the_name_of_its_preset()
    {
        string[] line =
        [
            "pretrain",
            "r.yaml",
            "--model.preset",
            "tiny",
            "--out",
            "tiny",
            "--train.steps",
            "2",
            "--schedule.warmup_steps",
            "1",
            "--quiet",
        ];
        Ink.RunIn(place.Path, line).ShouldEndWith(0);
        Ink.RunIn(place.Path, [.. line, "--force"]).ShouldEndWith(0);
    }

    [Fact]
    public void Quiet_SaysNothing_AndNoColorWritesNoEscapes()
    {
        Ink.Outcome quiet = Ink.RunIn(
                place.Path,
                "pretrain",
                "r.yaml",
                "--out",
                "quiet",
                "--train.steps",
                "2",
                "--schedule.warmup_steps",
                "1",
                "--quiet"
            )
            .ShouldEndWith(0);
        quiet.Error.ShouldBeEmpty();
        Ink.Outcome plain = Ink.RunIn(place.Path, "pretrain", "r.yaml", "--out", "plain", "--train.steps", "2", "--no-color")
            .ShouldEndWith(0);
        plain.Error.ShouldContain("step 2/2");
        (plain.Output + plain.Error).ShouldNotContain('\u001b');
    }

    private JsonElement Read(string path) => JsonDocument.Parse(File.ReadAllText(place[path])).RootElement;

    private JsonElement Json(params string[] arguments) => Ink.RunIn(place.Path, [.. arguments, "--json"]).ShouldEndWith(0).Json;

    [GeneratedRegex(@"^  ink ", RegexOptions.Multiline)]
    private static partial Regex ExampleLine();

    [GeneratedRegex(@"^  ([a-z][a-z-]*)  ", RegexOptions.Multiline)]
    private static partial Regex VerbLine();
}
