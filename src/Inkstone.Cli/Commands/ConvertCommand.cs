using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink convert</c>.</summary>
internal static class ConvertCommand
{
    private static readonly GgufFileType[] Plain = [GgufFileType.F32, GgufFileType.F16, GgufFileType.BF16];
    private static readonly GgufFileType[] Quantised = [.. Enum.GetValues<GgufFileType>().Except(Plain).Reverse()];

    public static CliCommand Create()
    {
        Argument<string> input = new("IN") { Description = "model directory, run, or .gguf file" };
        Argument<string> output = new("OUT") { Description = "a .gguf file, or a directory to write in HF's layout" };
        Option<string> dtype = new("--dtype")
        {
            Description = "element type of the weights: f32, f16 or bf16; default: as they are, f32 where they are quantised",
            HelpName = "T",
        };
        Option<string> quantize = new("--quantize")
        {
            Description = "quantise the matrices of a .gguf file: " + string.Join(", ", Quantised.Select(Label)),
            HelpName = "Q",
        };
        Option<bool> modelfile = new("--modelfile")
        {
            Description = "write Ollama's Modelfile beside the .gguf file: template, stop texts, settings",
        };
        return new CliCommand(
            "convert",
            "a model between HF's layout and GGUF, and from one element type to another",
            [input, output, dtype, quantize, modelfile],
            Run,
            "ink convert runs/poems poems.gguf --quantize q4_k_m --modelfile",
            "ink convert model.gguf model --dtype bf16"
        );

        int Run(CommandContext call)
        {
            string from = Models.Whole(call.Get(input)!),
                to = call.Get(output)!;
            bool gguf = Path.GetExtension(to).Equals(".gguf", StringComparison.OrdinalIgnoreCase);
            string?[] inputs = [call.Get(input), from];
            _ = gguf ? call.ClaimFile(to, GgufExport.Wrote, inputs) : call.Claim(to, inputs);
            GgufFileType type = (call.Get(dtype), call.Get(quantize)) switch
            {
                (null, null) => Models.StoredType(from),
                (string name, null) => Parse(name, "--dtype", Plain),
                (null, string name) => gguf
                    ? Parse(name, "--quantize", Quantised)
                    : throw new ArgumentException($"--quantize needs an output that ends with .gguf, {to} is a directory in HF's layout"),
                _ => throw new ArgumentException("give either --dtype or --quantize"),
            };
            string? beside =
                !call.Get(modelfile) ? null
                : gguf ? Modelfile.Claim(call, to)
                : throw new ArgumentException($"--modelfile needs an output that ends with .gguf, {to} is a directory in HF's layout");
            (long parameters, int context) = call.Compute(device =>
            {
                // Exact for every type that is read; a file of bfloat16 need not be widened.
                DType memory = type == GgufFileType.BF16 && Models.StoredType(from) == GgufFileType.BF16 ? DType.BFloat16 : DType.Float32;
                using CausalLm model = Pretrained.Open(from, device, memory, trained: false);
                if (gguf)
                {
                    HfConfig text = ModelFamilies.Find(model.Config).Gguf?.Text(model.Config) ?? model.Config;
                    GgufTokenizerCheck.Around(call, from, text, tokenizer => Pretrained.SaveGguf(model, to, type, tokenizer, call.Warn));
                }
                else
                {
                    if (GgufFile.IsGguf(from) || File.Exists(Path.Combine(from, "tokenizer.json")))
                    {
                        _ = ModelTokenizer.ForFamily(Models.Tokenizer(from, call), model.Config.Text("model_type"), from, _ => { });
                    }
                    Pretrained.Save(model, to, call.Force, type.ToString(), from);
                }
                return (model.Parameters.ElementCount, model.MaxPositionEmbeddings);
            });
            if (beside is not null)
            {
                Modelfile.Write(call, beside, to, from, context);
            }
            long bytes = gguf ? new FileInfo(to).Length : new DirectoryInfo(to).EnumerateFiles("*.safetensors").Sum(f => f.Length);
            string label = Label(type);
            return call.Result(
                new JsonObject
                {
                    ["out"] = to,
                    ["dtype"] = label,
                    ["parameters"] = parameters,
                    ["bytes"] = bytes,
                },
                o =>
                    o.WriteLine($"{Format.Count(parameters)} parameters written to {to} as {label}, {Format.Text($"{bytes / 1e6:0.0}")} MB")
            );
        }
    }

    private static GgufFileType Parse(string name, string flag, GgufFileType[] known) =>
        known.Cast<GgufFileType?>().FirstOrDefault(type => Label(type!.Value).Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"{flag} must be one of {string.Join(", ", known.Select(Label))}, got '{name}'");

    private static string Label(GgufFileType type) => type.ToString().ToLowerInvariant();
}
