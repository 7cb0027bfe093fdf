using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench indexer</c>: what an indexer's choice keeps of the attention, and what the same indexer kept before it learned
/// anything.</summary>
internal static class BenchIndexer
{
    private const ulong Fresh = 42;

    public static CliCommand Create()
    {
        Option<string> model = Flags.Model();
        Option<string> input = new("--input")
        {
            Description = "held-out JSONL, Parquet or text files, or folders of them",
            HelpName = "PATH",
            Required = true,
        };
        Option<string> field = new("--field")
        {
            Description = "the key or column that holds the text",
            HelpName = "KEY",
            DefaultValueFactory = _ => "text",
        };
        Option<int> context = new("--context")
        {
            Description = "most tokens of a document that are read; default: the model's context",
            HelpName = "N",
        };
        Option<int> documents = new("--documents")
        {
            Description = "documents that are looked at, the longest of the input",
            HelpName = "N",
            DefaultValueFactory = _ => 32,
        };
        return new CliCommand(
            "indexer",
            "how much of the attention an indexer's choice keeps, beside one that has learned nothing",
            [model, input, field, context, documents],
            Run,
            "ink bench indexer --model runs/mini_deepseekv32/run --input valid.jsonl",
            "ink bench indexer --model runs/mini_qwen4/run --input valid.jsonl --context 256 --json"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            IEnumerable<string> held = new DocumentReader(new ReadOptions([call.Get(field)!], KeyAdvice: "name the right one with --field"))
                .Read(InputFiles.Find([call.Get(input)!]))
                .Select(d => d.Text);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            int most = call.Between(documents, 1, 1 << 16);
            (ChoiceShare[] learned, ChoiceShare[] fresh) = call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, "fp32");
                Parameter[] indexers = [.. m.Parameters.Where(p => p.Name.Contains(".indexer.", StringComparison.Ordinal))];
                if (indexers.Length == 0)
                {
                    throw new ArgumentException(
                        $"{path} is a {m.Config.Text("model_type")} model without an indexer; DeepSeek-V3.2, DeepSeek-V4 and Qwen4 have them"
                    );
                }
                int length = call.Get(context) switch
                {
                    0 => m.MaxPositionEmbeddings,
                    int n when n < 2 || n > m.MaxPositionEmbeddings => throw new ArgumentException(
                        $"--context is {n}; it must lie between 2 and the model's {m.MaxPositionEmbeddings}"
                    ),
                    int n => n,
                };
                IEnumerable<int[]> longest = held.Select(text => tokenizer.Encode(text)).OrderByDescending(ids => ids.Length).Take(most);
                int[][] texts = [.. longest.Where(ids => ids.Length > 0).Select(ids => ids[..Math.Min(length, ids.Length)])];
                ChoiceShare[] now = Look(m, texts, call.Cancelled);
                using (CausalLm blank = Pretrained.New(m.Config, device, Fresh))
                {
                    Dictionary<string, Tensor> initial = blank.Parameters.ToDictionary(p => p.Name, p => p.Tensor);
                    Array.ForEach(indexers, p => p.Tensor.CopyFrom(initial[p.Name]));
                }
                ChoiceShare[] before = Look(m, texts, call.Cancelled);
                return now.Length > 0
                    ? (now, before)
                    : throw new ArgumentException(
                        $"no document of {call.Get(input)} is so long that indexers have to choose; give longer ones, or a larger --context"
                    );
            });
            return call.Result(Json(learned, fresh), output => Print(call, output, learned, fresh));
        }
    }

    private static ChoiceShare[] Look(CausalLm model, int[][] texts, CancellationToken cancelled)
    {
        ChoiceProbe probe = new();
        foreach (int[] ids in texts)
        {
            cancelled.ThrowIfCancellationRequested();
            using StepScope step = model.Device.Step();
            _ = model.Hidden(
                model.Device.Rent(new Shape(1, ids.Length), ids),
                ForwardContext.Rows(model.Device, 1, ids.Length) with
                {
                    Choices = probe,
                }
            );
        }
        return [.. probe.Layers];
    }

    private static JsonObject Json(ChoiceShare[] learned, ChoiceShare[] fresh) =>
        new()
        {
            ["kept"] = learned.Average(c => c.Kept),
            ["kept_by_random_indexer"] = fresh.Average(c => c.Kept),
            ["layers"] = new JsonArray([
                .. learned.Zip(
                    fresh,
                    (now, before) =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["layer"] = now.Layer,
                                ["queries"] = now.Queries,
                                ["kept"] = now.Kept,
                                ["kept_by_random_indexer"] = before.Kept,
                                ["best"] = now.Best,
                                ["even"] = now.Even,
                            }
                ),
            ]),
        };

    private static void Print(CommandContext call, TextWriter output, ChoiceShare[] learned, ChoiceShare[] fresh)
    {
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("layer", "kept", "by a random indexer", "by the best choice of keys", "share of keys");
        foreach ((ChoiceShare now, ChoiceShare before) in learned.Zip(fresh))
        {
            table.AddRow(
                Format.Text($"{now.Layer}"),
                Format.Text($"{100 * now.Kept:0.0} %"),
                Format.Text($"{100 * before.Kept:0.0} %"),
                Format.Text($"{100 * now.Best:0.0} %"),
                Format.Text($"{100 * now.Even:0.0} %")
            );
        }
        call.Page.Write(table);
        output.WriteLine(
            Format.Text(
                $"{100 * learned.Average(c => c.Kept):0.0} % of the attention is kept, {100 * fresh.Average(c => c.Kept):0.0} % by an indexer that has learned nothing; {learned[0].Queries:N0} queries a layer that had to choose"
            )
        );
    }
}
