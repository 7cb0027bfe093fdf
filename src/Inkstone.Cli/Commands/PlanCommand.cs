using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink plan</c>.</summary>
internal static class PlanCommand
{
    private const int MostHosts = 4096,
        MeasuredSteps = 3;
    private const double OptimizerBytes = 28,
        UsualBytesPerSecond = 6e9;

    public static CliCommand Create()
    {
        Argument<string> recipe = new("RECIPE")
        {
            Description = "pretraining recipe (YAML), or a preset: " + string.Join(", ", Presets.Names("runs")),
        };
        Option<int> hosts = new("--hosts")
        {
            Description = "most hosts; 1, 2, 4, … up to it are predicted",
            HelpName = "N",
            DefaultValueFactory = _ => 8,
        };
        Option<int> perHost = new("--ranks-per-host")
        {
            Description = "processes on each host",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Option<int?> cores = new("--cores")
        {
            Description = "cores of a host, which its processes share; default: as many as here",
            HelpName = "N",
        };
        Option<string> network = new("--network")
        {
            Description = "what each host sends at most: 1gbit, 25gbit, 100mbit",
            HelpName = "RATE",
            DefaultValueFactory = _ => "10gbit",
        };
        Option<double> latency = new("--latency")
        {
            Description = "microseconds until a small message is there",
            HelpName = "US",
            DefaultValueFactory = _ => 50,
        };
        Option<double?> rate = new("--tokens-per-second")
        {
            Description = "what one process does on such a host; without it a few steps are measured here",
            HelpName = "X",
        };
        return new CliCommand(
            "plan",
            "what a recipe would cost on several hosts: step time, memory and traffic, predicted from what one process does",
            [recipe, hosts, perHost, cores, network, latency, rate],
            Run,
            "ink plan microlm-31m --hosts 64 --network 25gbit",
            "ink plan my-recipe.yaml --hosts 8 --network 1gbit --distributed.wire bf16 --tokens-per-second 9000 --json"
        )
        {
            TakesRecipeKeys = true,
        };

        int Run(CommandContext call)
        {
            Recipe loaded = Recipe.Load(Presets.Recipe(call.Get(recipe)!), RunReport.Overrides(call));
            NetworkLink link = NetworkLink.Parse(call.Get(network)!, call.Get(latency));
            int most = call.Between(hosts, 1, MostHosts),
                ranksPerHost = call.Between(perHost, 1, 1024);
            StepCost cost = call.Compute(
                device => Cost(call, loaded, device, call.Get(rate)),
                loaded.Device.Threads,
                loaded.Device.Precision
            );
            int named = call.Threads ?? loaded.Device.Threads,
                hostCores = call.Get(cores) is not { } count ? Environment.ProcessorCount
                : count > 0 ? count
                : throw new ArgumentException($"--cores must be 1 or more, got {count}"),
                threads = named > 0 ? named
                : call.Get(rate) is null ? Environment.ProcessorCount
                : hostCores;
            cost = cost with { CoreShare = (double)threads / hostCores };
            List<PlannedStep> steps = [];
            List<int> impossible = [];
            for (int n = 1; n <= most; n = n == most ? n + 1 : Math.Min(2 * n, most))
            {
                if (
                    ClusterPlan.Estimate(cost, loaded.Train, loaded.Data.SequenceLength, loaded.Distributed, link, n, ranksPerHost) is
                    { } planned
                )
                {
                    steps.Add(planned);
                }
                else
                {
                    impossible.Add(n);
                }
            }
            JsonObject json = new()
            {
                ["micro_batch_seconds"] = cost.MicroBatchSeconds,
                ["optimizer_seconds"] = cost.OptimizerSeconds,
                ["parameters"] = cost.Parameters,
                ["wire_bytes_per_second"] = link.BytesPerSecond,
                ["hosts"] = new JsonArray([
                    .. steps.Select(s =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["hosts"] = s.Hosts,
                                ["ranks"] = s.Ranks,
                                ["step_seconds"] = s.Seconds,
                                ["tokens_per_second"] = s.TokensPerSecond,
                                ["efficiency"] = s.Efficiency,
                                ["hidden"] = s.Hidden,
                                ["sent_bytes_per_step"] = s.SentBytes,
                                ["memory_bytes"] = s.MemoryBytes,
                                ["limit"] = s.Limit,
                            }
                    ),
                ]),
                ["cannot_be_dealt_out"] = new JsonArray([.. impossible.Select(n => (JsonNode)n)]),
            };
            return call.Result(json, o => Print(call, o, loaded, cost, steps, impossible, ranksPerHost));
        }
    }

    private static StepCost Cost(CommandContext call, Recipe recipe, Device device, double? rate)
    {
        Tokenizer? tokenizer = Path.Exists(recipe.Tokenizer) ? Tokenizer.Load(recipe.Tokenizer) : null;
        HfConfig config = HfConfig.Parse(
            recipe
                .Model.Config(tokenizer?.VocabularySize ?? 0, tokenizer is null ? null : TokenIds.FromTokenizer(tokenizer))
                .ToJsonString(),
            "the recipe's model"
        );
        if (config.Int("vocab_size") == 0)
        {
            throw new InvalidDataException(
                $"tokenizer names {recipe.Tokenizer}, which does not exist, and the size of its vocabulary is the model's; make it, or add --model.vocab_size N"
            );
        }
        int rows = recipe.Train.BatchSize,
            length = recipe.Data.SequenceLength;
        CausalLm model = Pretrained.Describe(config, device);
        long parameters = model.Parameters.ElementCount,
            late = model
                .Parameters.Where(p =>
                    !p.Name.Contains(".layers.", StringComparison.Ordinal) && (model.IsTied || p.Tensor != model.OutputWeight)
                )
                .Sum(p => p.Tensor.Count);
        model.Recompute = recipe.Train.Recompute;
        long activations = 4L * rows * length * model.ActivationsPerToken;
        double optimizer = OptimizerBytes * parameters / UsualBytesPerSecond,
            seconds;
        if (rate is { } given)
        {
            seconds = given > 0 ? rows * length / given : throw new ArgumentException("--tokens-per-second must be above 0");
        }
        else
        {
            call.Say($"measuring {MeasuredSteps} micro-batches of {rows} × {length} tokens here");
            TrainCost measured = TrainBench.Run(
                device,
                config,
                rows,
                length,
                MeasuredSteps,
                recompute: recipe.Train.Recompute,
                cancelled: call.Cancelled
            );
            optimizer = measured.Ops.Where(op => op.Name is "adamw" or "squared_norm").Sum(op => op.Seconds);
            seconds = measured.Seconds - optimizer;
        }
        (long inBlocks, long largestBlock) = RankMemory.InBlocks(model.Parameters);
        return new StepCost(seconds, optimizer, parameters, (double)late / parameters, activations)
        {
            Muon = recipe.Optimizer.Name == "muon" ? model.Parameters.Where(Muon.Takes).ElementCount : 0,
            InBlocks = inBlocks,
            LargestBlock = largestBlock,
        };
    }

    private static void Print(
        CommandContext call,
        TextWriter o,
        Recipe recipe,
        StepCost cost,
        List<PlannedStep> steps,
        List<int> impossible,
        int ranksPerHost
    )
    {
        o.WriteLine(
            Format.Text(
                $"{Format.Count(cost.Parameters)} parameters; one process takes {1e3 * cost.MicroBatchSeconds:0} ms for a micro-batch of {recipe.Train.BatchSize} × {recipe.Data.SequenceLength} tokens and {1e3 * cost.OptimizerSeconds:0} ms for the optimizer; a step has {recipe.Train.BatchSize * recipe.Train.Accumulation} rows"
            )
        );
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("hosts", "step", "tokens/s", "of ideal", "sums hidden", "a host sends", "memory", "limit");
        foreach (PlannedStep s in steps)
        {
            table.AddRow(
                Format.Text($"{s.Hosts}{(ranksPerHost > 1 ? $" × {ranksPerHost}" : "")}"),
                Format.Text($"{1e3 * s.Seconds:0} ms"),
                Format.Text($"{s.TokensPerSecond:#,0}"),
                Format.Text($"{100 * s.Efficiency:0} %"),
                s.Ranks == 1 ? "" : Format.Text($"{100 * s.Hidden:0} %"),
                Format.Bytes(s.SentBytes),
                Format.Bytes(s.MemoryBytes),
                s.Limit
            );
        }
        call.Page.Write(table);
        if (impossible.Count > 0)
        {
            o.WriteLine(
                $"not {string.Join(", ", impossible)}: the rows of a step cannot be dealt out to so many evenly; raise train.accumulation"
            );
        }
    }
}
