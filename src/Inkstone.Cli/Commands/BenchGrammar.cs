using System.CommandLine;
using System.Diagnostics;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Grammar;
using Inkstone.Inference;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink bench grammar</c>: what holding a text to a JSON Schema costs a token. Tokens are drawn among the allowed ones; other
/// draws have warmed the masks up.</summary>
internal static class BenchGrammar
{
    private const string Usual = """
        [{"type":"object"},
         {"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["celsius","fahrenheit"]},"days":{"type":"integer","minimum":1,"maximum":14}},"required":["city"],"additionalProperties":false},
         {"type":"object","properties":{"title":{"type":"string","maxLength":80},"tags":{"type":"array","items":{"type":"string"},"maxItems":5},"rating":{"type":"number","minimum":0,"maximum":5},
          "author":{"type":"object","properties":{"name":{"type":"string"},"born":{"type":["integer","null"]}},"required":["name"]}},"required":["title","rating"]},
         {"$defs":{"e":{"oneOf":[{"type":"number"},{"type":"object","properties":{"op":{"enum":["+","-","*"]},"l":{"$ref":"#/$defs/e"},"r":{"$ref":"#/$defs/e"}},"required":["op","l","r"],"additionalProperties":false}]}},"$ref":"#/$defs/e"},
         {"type":"array","items":{"anyOf":[{"type":"string","pattern":"^[A-Z]{2}-[0-9]{4}$"},{"type":"object","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"required":["id"]}]},"minItems":1,"maxItems":8}]
        """;

    public static CliCommand Create()
    {
        Option<string> tokenizer = new("--tokenizer")
        {
            Description = "a tokenizer or a model that has one",
            HelpName = "PATH",
            Required = true,
        };
        Option<string> schemas = new("--schemas")
        {
            Description = "a JSON array of schemas; default: five usual ones",
            HelpName = "FILE.json",
        };
        Option<int> texts = new("--texts")
        {
            Description = "measured texts of each schema",
            HelpName = "N",
            DefaultValueFactory = _ => 100,
        };
        Option<int> tokens = new("--tokens")
        {
            Description = "tokens of a text at most",
            HelpName = "N",
            DefaultValueFactory = _ => 200,
        };
        Option<int> warm = new("--warm-up")
        {
            Description = "texts of each schema before the measured ones",
            HelpName = "N",
            DefaultValueFactory = _ => 200,
        };
        return new CliCommand(
            "grammar",
            "what a mask over the vocabulary costs a token when a text is held to a JSON Schema",
            [tokenizer, schemas, texts, tokens, warm],
            Run,
            "ink bench grammar --tokenizer tok",
            "ink bench grammar --tokenizer tok --schemas schemas.json --texts 20 --json"
        );

        int Run(CommandContext call)
        {
            Tokenizer own = ModelTokenizer.Load(call.Get(tokenizer)!);
            (int measured, int most, int before) = (
                BenchFlags.Rounds(call, texts),
                BenchFlags.Tokens(call, tokens),
                BenchFlags.Rounds(call, warm)
            );
            string source = call.Get(schemas) is { } file ? File.ReadAllText(file) : Usual;
            string[] all = [.. JsonDocument.Parse(source).RootElement.EnumerateArray().Select(s => s.GetRawText())];
            long began = Stopwatch.GetTimestamp();
            TokenVocabulary vocabulary = new(own);
            double arranging = Stopwatch.GetElapsedTime(began).TotalSeconds;
            List<double> compile = [],
                first = [],
                fill = [],
                accept = [];
            long bytes = 0;
            foreach (string schema in all)
            {
                call.Cancelled.ThrowIfCancellationRequested();
                began = Stopwatch.GetTimestamp();
                CompiledGrammar grammar = new(TextGrammar.JsonSchema(schema), vocabulary);
                compile.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
                Drawing drawing = new(grammar, own, most);
                drawing.Texts(before, 1, first, []);
                (int filled, int accepted) = (fill.Count, accept.Count);
                fill.EnsureCapacity(fill.Count + measured * most);
                accept.EnsureCapacity(accept.Count + measured * most);
                bytes += drawing.Texts(measured, 2, fill, accept);
            }
            JsonObject result = new()
            {
                ["machine"] = CpuFeatures.Describe(),
                ["vocabulary"] = own.VocabularySize,
                ["schemas"] = all.Length,
                ["arranging_seconds"] = arranging,
                ["compile_seconds_median"] = At(compile, 0.5),
                ["compile_seconds_most"] = compile.Max(),
                ["cold_mask_microseconds_mean"] = 1e6 * first.Average(),
                ["cold_mask_microseconds_most"] = 1e6 * first.Max(),
                ["tokens"] = fill.Count,
                ["mask_microseconds_mean"] = 1e6 * fill.Average(),
                ["mask_microseconds_median"] = 1e6 * At(fill, 0.5),
                ["mask_microseconds_p99"] = 1e6 * At(fill, 0.99),
                ["accept_microseconds_median"] = 1e6 * At(accept, 0.5),
                ["accept_microseconds_p99"] = 1e6 * At(accept, 0.99),
                ["managed_bytes_per_token"] = (double)bytes / fill.Count,
            };
            return call.Result(
                result,
                output =>
                {
                    foreach ((string name, JsonNode? value) in result)
                    {
                        output.WriteLine(Format.Text($"{name}: {value}"));
                    }
                }
            );
        }
    }

    private static double At(List<double> values, double part) =>
        values.Order().ElementAt((int)Math.Min(values.Count - 1, part * values.Count));

    /// <summary>Draws texts; after half of the tokens what closes is preferred, so that most of them end.</summary>
    private sealed class Drawing(CompiledGrammar grammar, Tokenizer tokenizer, int most)
    {
        private readonly ulong[] _mask = new ulong[grammar.Vocabulary.MaskLength];
        private readonly int[] _closing = [.. new[] { "\"", "}", "]" }.Select(t => tokenizer.TokenToId(t) ?? -1).Where(id => id >= 0)];
        private readonly int _end = tokenizer.EosId ?? 0;

        /// <summary>Seconds of each mask and of each token taken; returns the managed bytes of both.</summary>
        public long Texts(int count, int seed, List<double> fill, List<double> accept)
        {
            long allocated = 0;
            for (int text = 0; text < count; text++)
            {
                Random random = new(seed * 100_003 + text);
                TokenMask sequence = grammar.NewMask(_end);
                List<int> ids = [];
                for (int i = 0; i < most && !sequence.IsFinished; i++)
                {
                    long before = GC.GetAllocatedBytesForCurrentThread(),
                        began = Stopwatch.GetTimestamp();
                    sequence.Fill(_mask);
                    double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                    allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                    fill.Add(seconds);
                    if (_mask.AsSpan().IndexOfAnyExcept(0UL) < 0)
                    {
                        throw new InvalidOperationException($"no token is allowed after {tokenizer.Decode([.. ids])}");
                    }
                    int id = i > most / 2 && sequence.CanEnd ? _end : Choose(random, closes: i > most / 2);
                    before = GC.GetAllocatedBytesForCurrentThread();
                    began = Stopwatch.GetTimestamp();
                    bool ok = sequence.Accept(id);
                    seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                    allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                    accept.Add(seconds);
                    ids.Add(id);
                    _ = ok ? true : throw new InvalidOperationException("a token was allowed and not taken");
                }
            }
            return allocated;
        }

        private int Choose(Random random, bool closes)
        {
            int[] closing = closes ? [.. _closing.Where(id => (_mask[id >> 6] >> id & 1) != 0)] : [];
            if (closing.Length > 0 && random.Next(4) > 0)
            {
                return closing[random.Next(closing.Length)];
            }
            int n = random.Next(_mask.Sum(BitOperations.PopCount));
            for (int i = 0; ; i++)
            {
                int here = BitOperations.PopCount(_mask[i]);
                if (n < here)
                {
                    ulong word = _mask[i];
                    for (; n > 0; n--)
                    {
                        word &= word - 1;
                    }
                    return (i << 6) + BitOperations.TrailingZeroCount(word);
                }
                n -= here;
            }
        }
    }
}
