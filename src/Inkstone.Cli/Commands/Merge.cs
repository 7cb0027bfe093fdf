using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink merge</c>.</summary>
internal static class Merge
{
    public static CliCommand Create()
    {
        Option<string> model = new("--model")
        {
            Description = "the model below; default: the one that the adapter names",
            HelpName = "PATH",
        };
        Option<string> adapter = new("--adapter")
        {
            Description = "adapter directory (PEFT's layout), or a run of ink sft",
            HelpName = "PATH",
            Required = true,
        };
        Option<string> output = new("--out")
        {
            Description = "directory of the merged model",
            HelpName = "DIR",
            Required = true,
        };
        Option<string> type = new("--dtype")
        {
            Description = "element type of the weights: f32, f16 or bf16; default: as in the model below",
            HelpName = "TYPE",
        };
        type.AcceptOnlyFromAmong("f32", "f16", "bf16");
        return new CliCommand(
            "merge",
            "adds an adapter to its model and writes the tuned model as a directory of its own",
            [model, adapter, output, type],
            Run,
            "ink merge --adapter runs/lora --out models/tuned",
            "ink merge --model models/qwen2.5-0.5b --adapter runs/lora/best --out models/tuned --dtype bf16"
        );

        int Run(CommandContext call)
        {
            string adapterPath = CheckpointFolder.Resolve(call.Get(adapter)!);
            string below = Models.BaseModel(adapterPath, call.Get(model)),
                place = call.Claim(call.Get(output)!, call.Get(adapter), adapterPath, call.Get(model), below);
            long parameters = call.Compute(device =>
            {
                using CausalLm tuned = PeftAdapter.Open(below, adapterPath, device, trained: false);
                tuned.Adapter!.Merge();
                string wanted = call.Get(type)?.ToUpperInvariant() ?? Models.StoredType(below).ToString();
                Pretrained.Save(
                    tuned,
                    place,
                    call.Force,
                    wanted,
                    below,
                    beside: directory =>
                    {
                        SidecarFiles.Overlay(adapterPath, directory);
                        File.Delete(Path.Combine(directory, ModelCard.FileName)); // that of the model below says nothing of this one
                        new ModelCard(tuned.Config, tuned.Parameters.ElementCount)
                        {
                            BaseModel = below,
                            Facts = [("adapter merged", adapterPath)],
                        }.Write(directory);
                    }
                );
                return tuned.Parameters.ElementCount;
            });
            return call.Result(
                new JsonObject
                {
                    ["out"] = place,
                    ["model"] = below,
                    ["adapter"] = adapterPath,
                    ["parameters"] = parameters,
                },
                o => o.WriteLine($"{place}: {Format.Count(parameters)} parameters\ntry: ink chat --model {place}")
            );
        }
    }
}
