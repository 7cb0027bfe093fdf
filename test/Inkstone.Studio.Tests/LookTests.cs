using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Studio.Tests;

/// <summary>Tokens, masks, the inside of a model, and chat.</summary>
public sealed class LookTests : IDisposable
{
    private const string Prompt = "the cat sat on";

    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Merges_lead_from_the_symbols_to_the_tokens_that_encoding_gives()
    {
        Studio.NewTokenizer().Save(Made("tok"));
        Tokenizer tokenizer = Tokenizer.Load(_folder["tok"]);
        const string Text = "the cat<|end|> sat; 猫坐在\n𝄞";
        IReadOnlyList<TokenizedWord> words = tokenizer.Explain(Text);
        words.SelectMany(w => w.Ids).ShouldBe(tokenizer.Encode(Text));
        Encoding.UTF8.GetString([.. words.SelectMany(w => w.Text)]).ShouldBe(Text);
        words.ShouldContain(w => w.Origin == TokenOrigin.Added);
        words.ShouldContain(w => w.Merges.Count > 1);
        foreach (TokenizedWord word in words)
        {
            List<int> symbols = [.. word.Symbols];
            foreach (MergeStep merge in word.Merges)
            {
                byte[] joined = [.. tokenizer.TokenBytes(symbols[merge.At]), .. tokenizer.TokenBytes(symbols[merge.At + 1])];
                symbols[merge.At] = merge.Id;
                symbols.RemoveAt(merge.At + 1);
                tokenizer.TokenBytes(merge.Id).ToArray().ShouldBe(joined);
                symbols.ShouldBe(merge.Symbols);
            }
            symbols.ShouldBe(word.Ids);
        }
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        JsonElement sent = await studio.OkAsync("/api/tokens", new JsonObject { ["run"] = "tok", ["text"] = Text });
        sent.GetProperty("words")
            .EnumerateArray()
            .SelectMany(w => w.GetProperty("tokens").EnumerateArray().Select(t => t[0].GetInt32()))
            .ShouldBe(tokenizer.Encode(Text));
    }

    [GoldenTheory("goldens")]
    [InlineData("qwen2.5")]
    [InlineData("llama2")]
    [InlineData("minimind")]
    public void Other_tokenizers_are_explained_as_they_encode(string name)
    {
        string directory = Goldens.Shared($"tokenizers/{name}");
        Assert.SkipUnless(File.Exists(Path.Combine(directory, "tokenizer.json")), $"{directory} is absent");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        foreach (
            string text in (string[])
                ["Hello  world, it's 2024!\n\n", "床前明月光，疑是地上霜。", "e\u0301 ﬁ 𝄞 👩‍👩‍👧 \t x", "    def f(x):\n\treturn x**2"]
        )
        {
            tokenizer.Explain(text).SelectMany(w => w.Ids).ShouldBe(tokenizer.Encode(text));
        }
    }

    [Fact]
    public async Task Conversations_show_what_is_learned_and_texts_are_learned_whole()
    {
        Studio.NewTokenizer().Save(Made("tok"));
        _folder.Write(
            "data.jsonl",
            """
            {"messages":[{"role":"user","content":"the cat"},{"role":"assistant","content":"sat on"}]}
            {"text":"the hat"}

            """
        );
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        JsonElement records = (await studio.OkAsync("/api/data", new JsonObject { ["run"] = "tok", ["file"] = "data.jsonl" })).GetProperty(
            "records"
        );
        JsonElement example = records[0].GetProperty("examples")[0];
        string mask = example.GetProperty("mask").GetString()!;
        string Joined(char bit) =>
            string.Concat(example.GetProperty("tokens").EnumerateArray().Where((_, i) => mask[i] == bit).Select(t => t[1].GetString()));
        (Joined('1'), Joined('0')).ShouldBe(("sat on<|end|>", "<|user|>the cat<|end|><|assistant|>"));
        records[1].GetProperty("examples")[0].GetProperty("mask").GetString()!.ShouldStartWith("01");
        JsonElement pasted = (
            await studio.OkAsync(
                "/api/data",
                new JsonObject
                {
                    ["run"] = "tok",
                    ["text"] = """[{"role":"user","content":"the cat"},{"role":"assistant","content":"sat on"}]""",
                }
            )
        ).GetProperty("records");
        pasted[0].GetProperty("examples")[0].GetProperty("mask").GetString().ShouldBe(mask);
    }

    [Theory]
    [InlineData("""{"prompt":"the cat","chosen":" sat on","rejected":" hat"}""", "the cat", " sat on", " hat")]
    [InlineData(
        """{"chosen":[{"role":"user","content":"the cat"},{"role":"assistant","content":"sat on"}],"rejected":[{"role":"user","content":"the cat"},{"role":"assistant","content":"hat"}]}""",
        "<|user|>the cat<|end|><|assistant|>",
        "sat on<|end|>",
        "hat<|end|>"
    )]
    public async Task Of_a_preference_both_answers_are_learned(string record, string prompt, string chosen, string rejected)
    {
        Studio.NewTokenizer().Save(Made("tok"));
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        JsonElement shown = (await studio.OkAsync("/api/data", new JsonObject { ["run"] = "tok", ["text"] = record })).GetProperty(
            "records"
        )[0];
        shown
            .GetProperty("examples")
            .EnumerateArray()
            .Select(e => (e.GetProperty("answer").GetString(), Of(e, '0'), Of(e, '1')))
            .ShouldBe([("chosen", prompt, chosen), ("rejected", prompt, rejected)]);

        static string Of(JsonElement example, char bit)
        {
            string mask = example.GetProperty("mask").GetString()!;
            return string.Concat(
                example.GetProperty("tokens").EnumerateArray().Where((_, i) => mask[i] == bit).Select(t => t[1].GetString())
            );
        }
    }

    [Fact]
    public async Task The_last_layer_of_the_lens_is_the_model()
    {
        Studio.WriteModel(_folder["m"]);
        int[] ids = Tokenizer.Load(_folder["m"]).Encode(Prompt);
        using Device device = new(1);
        using CausalLm model = Pretrained.Open(_folder["m"], device, trained: false);
        float[] logits;
        using (device.Step())
        {
            logits = model
                .Logits(model.Hidden(device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(device, 1, ids.Length)))
                .ToArray();
        }
        double[] last = Softmax(logits.AsSpan((ids.Length - 1) * 304, 304)),
            second = Softmax(logits.AsSpan(0, 304));

        await using Studio studio = await Studio.StartAsync(_folder.Path);
        JsonElement sent = await studio.OkAsync("/api/next", new JsonObject { ["run"] = "m", ["text"] = Prompt });
        sent.GetProperty("layers").GetArrayLength().ShouldBe(3);
        int likeliest = Array.IndexOf(last, last.Max());
        sent.GetProperty("next")[0][0].GetInt32().ShouldBe(likeliest);
        sent.GetProperty("next")[0][2].GetDouble().ShouldBe(last[likeliest], 1e-5);
        sent.GetProperty("layers")[2][0][0].GetInt32().ShouldBe(likeliest);
        sent.GetProperty("text")[1].GetProperty("probability").GetDouble().ShouldBe(second[ids[1]], 1e-5);
        (int status, JsonElement refused) = await studio.PostAsync(
            "/api/next",
            new JsonObject { ["run"] = "m", ["text"] = string.Concat(Enumerable.Repeat(Prompt, 90)) }
        );
        (status, refused.ToString().Contains("128 can be looked at", StringComparison.Ordinal)).ShouldBe((400, true));
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData(3, 0)]
    [InlineData(null, 2)]
    public void Weights_of_the_probe_times_values_are_the_attention(int? window, float cap)
    {
        const int Heads = 4,
            KeyHeads = 2,
            Width = 8,
            Length = 7;
        using Device device = new(1);
        using StepScope step = device.Step();
        Random random = new(2);
        float[] Drawn(int heads) => [.. Enumerable.Range(0, Length * heads * Width).Select(_ => (float)((random.NextDouble() * 4) - 2))];
        Tensor Rented(float[] numbers)
        {
            Tensor tensor = device.Rent(new Shape(1, Length, numbers.Length / Length));
            tensor.CopyFrom(numbers);
            return tensor;
        }

        float[] values = Drawn(KeyHeads);
        AttentionProbe probe = new(1);
        AttentionSpec spec = new(Heads, KeyHeads, Width, 0.5f, window) { SoftCap = cap };
        ForwardContext ctx = ForwardContext.Rows(device, 1, Length) with { Probe = probe };
        float[] made = ctx.Attend(1, Rented(Drawn(Heads)), Rented(Drawn(KeyHeads)), Rented(values), spec).ToArray();
        probe.Heads.ShouldBe(Heads);
        for (int head = 0; head < Heads; head++)
        {
            for (int row = 0; row < Length; row++)
            {
                for (int i = 0; i < Width; i++)
                {
                    double expected = Enumerable
                        .Range(0, Length)
                        .Sum(c =>
                            (double)probe.Weights[(((head * Length) + row) * Length) + c]
                            * values[(((c * KeyHeads) + (head / 2)) * Width) + i]
                        );
                    made[(((row * Heads) + head) * Width) + i].ShouldBe((float)expected, 2e-3f);
                }
            }
        }
    }

    [Fact]
    public async Task Attention_comes_by_layer_and_head_and_chat_answers()
    {
        Studio.WriteModel(_folder["m"]);
        await using Studio studio = await Studio.StartAsync(_folder.Path);
        JsonElement[] heads = new JsonElement[4];
        for (int head = 0; head < 4; head++)
        {
            heads[head] = (await studio.OkAsync("/api/attention", Look(1, head))).GetProperty("weights");
        }
        JsonElement mean = (await studio.OkAsync("/api/attention", Look(1))).GetProperty("weights");
        for (int row = 0; row < mean.GetArrayLength(); row++)
        {
            mean[row].EnumerateArray().Sum(w => w.GetDouble()).ShouldBe(1, 1e-3);
            mean[row][row].GetDouble().ShouldBe(heads.Average(h => h[row][row].GetDouble()), 1e-3);
        }
        (await studio.PostAsync("/api/attention", Look(2))).Status.ShouldBe(400);
        (await studio.PostAsync("/api/attention", Look(null, 4))).Status.ShouldBe(400);

        JsonElement answer = await studio.OkAsync(
            "/api/chat?run=m",
            new JsonObject
            {
                ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "the cat" }),
                ["max_tokens"] = 3,
                ["ignore_eos"] = true,
            }
        );
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("role").GetString().ShouldBe("assistant");
        answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32().ShouldBe(3);
    }

    private static JsonObject Look(int? layer, int? head = null)
    {
        JsonObject asked = new() { ["run"] = "m", ["text"] = Prompt };
        foreach ((string name, int? value) in (ReadOnlySpan<(string, int?)>)[("layer", layer), ("head", head)])
        {
            if (value is not null)
            {
                asked[name] = value;
            }
        }
        return asked;
    }

    private string Made(string name)
    {
        Directory.CreateDirectory(_folder[name]);
        return _folder[name];
    }

    private static double[] Softmax(ReadOnlySpan<float> logits)
    {
        double[] e = [.. logits.ToArray().Select(l => Math.Exp(l))];
        return [.. e.Select(v => v / e.Sum())];
    }
}
