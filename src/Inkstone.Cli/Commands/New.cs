using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink new</c>.</summary>
internal static class New
{
    public static CliCommand Create()
    {
        Option<string> config = new("--config")
        {
            Description = "preset, or a config.json: " + string.Join(", ", Presets.Names("models")),
            HelpName = "PRESET",
            Required = true,
        };
        Option<string> tokenizer = new("--tokenizer")
        {
            Description = "tokenizer to copy into the model; its size is the vocabulary where the preset names none",
            HelpName = "PATH",
        };
        Option<string> output = Flags.Out();
        Option<string> type = Flags.Choice("--dtype", "element type of the weights: f32, f16 or bf16", "TYPE", "f32", "f16", "bf16");
        return new CliCommand(
            "new",
            "a model with random weights, as an HF directory",
            [config, tokenizer, output, type],
            Run,
            "ink new --config microlm-31m --out models/blank --seed 7",
            "ink new --config quickstart --tokenizer tok --out models/blank"
        );

        int Run(CommandContext call)
        {
            string directory = call.Claim(call.Get(output)!, File.Exists(call.Get(config)) ? call.Get(config) : null, call.Get(tokenizer));
            Text.Tokenizer? t = call.Get(tokenizer) is { } path ? Models.Told(call, Text.Tokenizer.Load(path)).WithPadToken() : null;
            JsonObject json = PresetConfig.Load(call.Get(config), t);
            t = t is null ? null : ModelTokenizer.ForFamily(t, json["model_type"]?.GetValue<string>(), call.Get(tokenizer)!, call.Warn);
            (long parameters, long active) = call.Compute(device =>
            {
                using CausalLm model = Pretrained.New(
                    HfConfig.Parse(json.ToJsonString(), call.Get(config)!),
                    device,
                    (ulong)(call.Seed ?? 42)
                );
                Pretrained.Save(
                    model,
                    directory,
                    overwrite: call.Force,
                    dtype: call.Get(type)!.ToUpperInvariant(),
                    beside: place => Beside(t, place)
                );
                return (model.Parameters.ElementCount, model.ActiveElementCount);
            });
            return call.Result(
                new JsonObject
                {
                    ["out"] = directory,
                    ["parameters"] = parameters,
                    ["active_parameters"] = active,
                },
                o =>
                    o.WriteLine(
                        $"{Format.Count(parameters)} random parameters{(active == parameters ? "" : $" ({Format.Count(active)} active for a token)")} written to {directory}"
                    )
            );
        }
    }

    /// <summary>The tokenizer, and a generation_config.json with its ids.</summary>
    private static void Beside(Text.Tokenizer? tokenizer, string place)
    {
        if (tokenizer is not null)
        {
            tokenizer.Save(place);
            AtomicFile.WriteText(Path.Combine(place, HfDirectory.GenerationConfigFile), TokenIds.GenerationConfig(tokenizer, [], null));
        }
    }
}
