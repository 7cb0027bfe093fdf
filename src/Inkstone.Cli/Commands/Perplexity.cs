using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink perplexity</c>.</summary>
internal static class Perplexity
{
    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights(exact: true);
        Option<string> texts = new("--texts") { Description = "a JSON array of texts", HelpName = "FILE.json" };
        Option<string> input = new("--input")
        {
            Description = "JSONL, Parquet or text files as data prepare reads them, or folders of them",
            HelpName = "PATH",
        };
        Option<string> field = new("--field")
        {
            Description = "the key or column that holds the text",
            HelpName = "KEY",
            DefaultValueFactory = _ => "text",
        };
        Option<int> context = new("--context")
        {
            Description = "tokens that are read at once; longer documents are read in pieces; default: the model's context",
            HelpName = "N",
        };
        return new CliCommand(
            "perplexity",
            "perplexity and bits per byte of texts, as one number and per document",
            [model, weights, texts, input, field, context],
            Run,
            "ink perplexity --model runs/poems --texts held-out.json",
            "ink perplexity --model runs/poems --input valid.jsonl --field text --context 256 --json"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            IReadOnlyList<string> documents = (call.Get(texts), call.Get(input)) switch
            {
                (string array, null) => TextFile.StringArray(array),
                (null, string files) =>
                [
                    .. new DocumentReader(new ReadOptions([call.Get(field)!], KeyAdvice: "name the right one with --field"))
                        .Read(InputFiles.Find([files]))
                        .Select(d => d.Text),
                ],
                _ => throw new ArgumentException("give either --texts FILE.json or --input PATH"),
            };
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            List<Score> scores = call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                int length = call.Get(context) switch
                {
                    0 => m.MaxPositionEmbeddings,
                    < 2 => throw new ArgumentException("--context must be at least 2"),
                    int n when n > m.MaxPositionEmbeddings => throw new ArgumentException(
                        $"--context is {n}, but the model's context holds {m.MaxPositionEmbeddings}"
                    ),
                    int n => n,
                };
                return call.WithProgress(
                    "perplexity",
                    bar =>
                    {
                        List<Score> all = [];
                        foreach (string text in documents)
                        {
                            call.Cancelled.ThrowIfCancellationRequested();
                            all.Add(Measure(m, tokenizer, text, length));
                            bar.Report(((double)all.Count / documents.Count, $"{all.Count:N0} of {documents.Count:N0} documents"));
                        }
                        return all;
                    }
                );
            });
            return Report(call, scores);
        }
    }

    /// <summary>
    /// −Σ log p of every token but the first, in pieces of <paramref name="context"/> tokens whose first input is the piece before's last
    /// label, and the bytes of the text behind
    /// those tokens: what the first one stands for is not predicted, so it is not counted.
    /// </summary>
    private static Score Measure(CausalLm model, Tokenizer tokenizer, string text, int context)
    {
        int[] ids = tokenizer.Encode(text);
        double nats = 0;
        for (int start = 0; start < ids.Length - 1; start += context)
        {
            int length = Math.Min(context, ids.Length - 1 - start);
            using (model.Device.Step())
            {
                Shape row = new(1, length);
                Tensor hidden = model.Hidden(
                    model.Device.Rent(row, ids.AsSpan(start, length)),
                    ForwardContext.Rows(model.Device, 1, length)
                );
                Tensor logs = model.TokenLogProbs(hidden, model.Device.Rent(row, ids.AsSpan(start + 1, length)));
                foreach (float log in logs.ToArray())
                {
                    nats -= log;
                }
            }
        }
        return new Score(nats, Math.Max(0, ids.Length - 1), Encoding.UTF8.GetByteCount(text) - FirstBytes(tokenizer, ids, text));
    }

    /// <summary>Bytes of the text behind its first token; none where that is one which the tokenizer puts before every text.</summary>
    private static int FirstBytes(Tokenizer tokenizer, int[] ids, string text)
    {
        if (ids.Length == 0 || tokenizer.Encode(text, addSpecialTokens: false) is not [int first, ..] || first != ids[0])
        {
            return 0;
        }
        string decoded = tokenizer.Decode([first]);
        if (decoded is [' ', ..] && !text.StartsWith(' '))
        {
            decoded = decoded[1..]; // the blank that some tokenizers put before a text
        }
        return decoded.Contains('\uFFFD') ? tokenizer.TokenBytes(first).Length : Encoding.UTF8.GetByteCount(decoded);
    }

    private static int Report(CommandContext call, List<Score> scores)
    {
        Score total = new(scores.Sum(s => s.Nats), scores.Sum(s => s.Tokens), scores.Sum(s => s.Bytes));
        if (total.Tokens == 0)
        {
            throw new InvalidDataException("the texts hold no token that could be predicted; give texts of at least two tokens");
        }
        JsonArray documents = [];
        foreach (Score s in scores)
        {
            documents.Add((JsonNode)s.Json());
        }
        JsonObject json = total.Json();
        json["documents"] = documents;
        return call.Result(
            json,
            o =>
                o.WriteLine(
                    Format.Text(
                        $"perplexity {total.Perplexity:0.0000}{(total.BitsPerByte is { } bits ? Format.Text($", {bits:0.0000} bits per byte") : "")} over {total.Tokens:N0} tokens of {scores.Count} documents"
                    )
                )
        );
    }

    private sealed record Score(double Nats, long Tokens, long Bytes)
    {
        public double Perplexity => Math.Exp(Nats / Tokens);

        public double? BitsPerByte => Bytes > 0 ? Nats / Math.Log(2) / Bytes : null;

        public JsonObject Json() =>
            Tokens == 0
                ? new JsonObject
                {
                    ["perplexity"] = null,
                    ["nll_sum"] = 0,
                    ["tokens"] = 0,
                    ["bytes"] = Bytes,
                }
                : new JsonObject
                {
                    ["perplexity"] = Perplexity,
                    ["nll_sum"] = Nats,
                    ["bits_per_byte"] = BitsPerByte,
                    ["tokens"] = Tokens,
                    ["bytes"] = Bytes,
                };
    }
}
