using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;
using Profile = Inkstone.Tensors.Profile;

namespace Inkstone.Cli;

/// <summary><c>ink bench generate</c>: a prompt read and tokens made greedily, as <c>ink generate</c> does, without text. Where tokens are
/// guessed, rounds take turns with others without guesses.</summary>
internal static class BenchGenerate
{
    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights();
        Option<int> length = BenchFlags.Length();
        Option<int> tokens = new("--tokens")
        {
            Description = "tokens to make",
            HelpName = "N",
            DefaultValueFactory = _ => 64,
        };
        Option<int> rounds = new("--rounds")
        {
            Description = "measured rounds; the median is told",
            HelpName = "R",
            DefaultValueFactory = _ => 5,
        };
        Option<int> streams = new("--streams")
        {
            Description = "texts side by side",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Option<string> prompt = new("--prompt")
        {
            Description = "a text to read instead of made-up tokens, by the model's tokenizer",
            HelpName = "TEXT",
        };
        model.Required = false;
        SpeculationFlags speculation = new();
        BenchContext context = new();
        return new CliCommand(
            "generate",
            "reading prompts and making tokens one by one, and where the time goes",
            [model, weights, length, prompt, tokens, streams, .. speculation.All, rounds, .. context.All],
            Run,
            "ink bench generate --model model.gguf",
            "ink bench generate --config mini_qwen3_5 mini_lfm3 --at 1024 8192 32768"
        );

        int Run(CommandContext call)
        {
            (int read, int written, int measured) = (
                BenchFlags.Tokens(call, length),
                BenchFlags.Tokens(call, tokens, least: 2),
                BenchFlags.Rounds(call, rounds)
            );
            if (context.IsAsked(call))
            {
                return context.Run(call, written, measured);
            }
            string path = call.Get(model) ?? throw new ArgumentException("give --model PATH, or --config PRESET… with --at N…");
            int[]? text = call.Get(prompt) is { } words ? Models.Tokenizer(path, call).Encode(words) : null;
            if (text is { Length: 0 })
            {
                throw new ArgumentException("--prompt has no tokens; give a longer text, or none for made-up tokens");
            }
            int texts = call.Get(streams) is > 0 and int n
                ? n
                : throw new ArgumentException($"--streams must be 1 or more, it is {call.Get(streams)}");
            Cost cost = call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                read =
                    text is not null ? text.Length
                    : call.Has(length) ? read
                    : Math.Clamp(m.MaxPositionEmbeddings - written, 1, read);
                return read + written <= m.MaxPositionEmbeddings
                    ? Measure(
                        m,
                        Roofline.Measure(device),
                        Prompts(text, read, texts, m.VocabSize),
                        written,
                        measured,
                        speculation.Add(call, m, new EngineOptions()),
                        call.Cancelled
                    )
                    : throw new ArgumentException(
                        $"--length {read} and --tokens {written} do not fit the model's context of {m.MaxPositionEmbeddings}; give fewer"
                    );
            });
            return call.Result(cost.Json(), output => cost.Print(call, output));
        }
    }

    private static Cost Measure(
        CausalLm model,
        Roofline roof,
        int[][] prompts,
        int tokens,
        int rounds,
        EngineOptions guessing,
        CancellationToken cancelled
    )
    {
        (int streams, int length) = (prompts.Length, prompts[0].Length);
        using CausalLm? draft = guessing.Draft;
        EngineOptions options = guessing with { MaxSequences = streams, MaxLength = length + tokens, PrefixSharing = false };
        using Engine engine = new(model, null, options);
        using Engine? plain = engine.IsGuessing
            ? new Engine(model, null, options with { Guesses = 0, Draft = null, GuessesAhead = false })
            : null;
        List<double> prefill = [],
            decode = [],
            alone = [];
        bool same = true;
        long bytes = 0;
        for (int round = -2; round < rounds; round++)
        {
            cancelled.ThrowIfCancellationRequested();
            (double first, double rest, bytes) = Round(engine, prompts, tokens, out int[][] made);
            if (plain is not null)
            {
                (_, double without, _) = Round(plain, prompts, tokens, out int[][] expected);
                same &= made.Zip(expected).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));
                alone.AddRange(round >= 0 ? [without / (tokens - 1)] : []);
            }
            if (round >= 0)
            {
                prefill.Add(first);
                decode.Add(rest / (tokens - 1));
            }
        }
        Profile reading = new(),
            writing = new();
        _ = Round(engine, prompts, tokens, out _, () => model.Device.Profile = writing, () => model.Device.Profile = reading);
        model.Device.Profile = null;
        double weightBytes = model
            .Parameters.Where(p => p.Tensor.Shape.Rank == 2 && p.Tensor.DType != DType.Int32)
            .Sum(p => model.ActiveShare(p) * p.Tensor.DType.Bytes(p.Tensor.Count));
        string type = model
            .Parameters.Where(p => p.Tensor.Shape.Rank == 2)
            .GroupBy(p => p.Tensor.DType)
            .MaxBy(g => g.Sum(p => p.Tensor.Count))!
            .Key.ToString()
            .ToLowerInvariant();
        int threads = model.Device.Workers.Count;
        string many = streams == 1 ? "" : Format.Text($"{streams} × ");
        double arithmetic = roof.FlopsPerSecond / (2.0 * model.ActiveElementCount),
            memory = Math.Min(streams * roof.BytesPerSecond / weightBytes, arithmetic);
        string shape = Format.Text($"{many}{tokens} tokens after {length}");
        return new Cost(
            [
                new(
                    "prefill",
                    $"{many}{length} tokens",
                    type,
                    threads,
                    Median(prefill),
                    streams * length / Median(prefill),
                    "tokens/s",
                    arithmetic
                ),
                new("decode", shape, type, threads, Median(decode), streams / Median(decode), "tokens/s", memory),
                .. plain is null
                    ? (KernelEntry[])[]
                    : [new("decode without guesses", shape, type, threads, Median(alone), streams / Median(alone), "tokens/s", memory)],
            ],
            bytes / (tokens - 1),
            engine.Statistics,
            same,
            [.. Ops("prefill", reading, 1), .. Ops("decode", writing, tokens - 1)]
        );
    }

    private static IEnumerable<Op> Ops(string phase, Profile profile, int tokens) =>
        profile
            .Entries.OrderByDescending(e => e.Value.Seconds)
            .Select(e => new Op(phase, e.Key, (double)e.Value.Calls / tokens, e.Value.Seconds / tokens));

    /// <summary>Seconds until all texts have their first token and of all others, and managed bytes that the others cost.</summary>
    private static (double First, double Others, long Bytes) Round(
        Engine engine,
        int[][] prompts,
        int tokens,
        out int[][] made,
        Action? atFirst = null,
        Action? before = null
    )
    {
        before?.Invoke();
        long began = Stopwatch.GetTimestamp(),
            allocated = 0;
        Generation[] texts =
        [
            .. prompts.Select(prompt => engine.Add(new GenerationRequest(prompt, SamplingParams.Greedy(tokens, ignoreEos: true)))),
        ];
        double first = 0;
        while (engine.Step())
        {
            foreach (Generation text in texts)
            {
                while (text.TryRead(out _)) { }
            }
            if (first == 0 && texts[^1].Ids.Length > 0)
            {
                first = Stopwatch.GetElapsedTime(began).TotalSeconds;
                allocated = GC.GetAllocatedBytesForCurrentThread();
                atFirst?.Invoke();
            }
        }
        made = [.. texts.Select(text => text.Ids.ToArray())];
        return (first, Stopwatch.GetElapsedTime(began).TotalSeconds - first, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }

    /// <summary>The text for all, or made-up tokens that differ from text to text.</summary>
    private static int[][] Prompts(int[]? text, int length, int streams, int vocabulary) =>
        [
            .. Enumerable
                .Range(0, streams)
                .Select(stream =>
                    text ?? [.. Enumerable.Range(0, length).Select(i => (int)((1000 + stream * 101L + i * 37L) % vocabulary))]
                ),
        ];

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private sealed record Op(string Phase, string Name, double Calls, double Seconds);

    private sealed record Cost(KernelEntry[] Entries, long BytesPerToken, EngineStatistics Engine, bool SameText, Op[] Ops)
    {
        public JsonObject Json()
        {
            JsonArray ops = [];
            foreach (Op op in Ops)
            {
                ops.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["phase"] = op.Phase,
                            ["name"] = op.Name,
                            ["calls"] = op.Calls,
                            ["seconds"] = op.Seconds,
                        }
                );
            }
            return new JsonObject
            {
                ["machine"] = CpuFeatures.Describe(),
                ["entries"] = BenchFlags.Json(Entries),
                ["managed_bytes_per_token"] = BytesPerToken,
                ["guessed_tokens"] = Engine.Guessed,
                ["accepted_tokens"] = Engine.Accepted,
                ["same_text"] = SameText,
                ["ops"] = ops,
            };
        }

        public void Print(CommandContext call, TextWriter output)
        {
            output.WriteLine(CpuFeatures.Describe());
            foreach (KernelEntry e in Entries)
            {
                output.WriteLine(
                    Format.Text($"{e.Name}, {e.Type}, {e.Shape}: {e.Rate:0.0} {e.Unit}, {100 * e.Fraction:0} % of {e.Roof:0}")
                );
            }
            output.WriteLine(Format.Text($"{BytesPerToken} managed bytes a token while decoding"));
            if (Engine.Guessed > 0)
            {
                output.WriteLine(
                    Format.Text(
                        $"{Engine.Accepted:N0} of {Engine.Guessed:N0} guesses were right ({100.0 * Engine.Accepted / Engine.Guessed:0} %); {(SameText ? "the texts are those without guesses" : "the texts differ from those without guesses")}"
                    )
                );
            }
            Table table = new Table().Border(TableBorder.Rounded).AddColumns("phase", "op", "calls", "ms");
            foreach (Op op in Ops)
            {
                table.AddRow(op.Phase, op.Name, Format.Text($"{op.Calls:0}"), Format.Text($"{1e3 * op.Seconds:0.000}"));
            }
            call.Page.Write(table);
        }
    }
}
