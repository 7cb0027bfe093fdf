using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Client;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

internal static partial class EvaluateStructured
{
    private static List<(string Model, bool Guided, IReadOnlyList<StructuredAnswer> Answers)> Ask(
        CommandContext call,
        StructuredPromptFile file,
        string[] models,
        string[] adapters,
        bool guided,
        int parallel,
        string? key,
        string? weights,
        AnswerLog? log,
        IProgress<(double, string)> bar
    )
    {
        bool[] ways = guided ? [false, true] : [false];
        int all = (models.Length + adapters.Length) * ways.Length * file.Prompts.Count,
            done = 0;
        List<(string, bool, IReadOnlyList<StructuredAnswer>)> found = [];
        foreach (string path in models)
        {
            if (OpenAiClient.IsUrl(path))
            {
                using OpenAiClient client = new(path, key);
                Ask(new OpenAiStructuredModel(path, client));
                continue;
            }
            string[] over = path == models[0] ? adapters : [];
            using Device device = call.NewDevice();
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            using CausalLm model = ComputeThread.Run(() => Models.Open(path, device, weights));
            EngineOptions options = new()
            {
                MaxSequences = parallel,
                MaxWaiting = file.Prompts.Count,
                Adapters = over.ToDictionary(a => a, CheckpointFolder.Resolve),
            };
            AsyncEngine engine = new(model, tokenizer, options);
            try
            {
                ChatModel chat = new(engine, GenerationSettings.Read(Models.GenerationConfig(path)));
                Ask(new EngineStructuredModel(path, chat));
                foreach (string adapter in over)
                {
                    Ask(new EngineStructuredModel(adapter, chat, adapter));
                }
            }
            finally
            {
                engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }
        return found;

        void Ask(IStructuredModel model)
        {
            foreach (bool held in ways)
            {
                found.Add(
                    (
                        model.Name,
                        held,
                        new StructuredRun(file, held)
                            .AskAsync(
                                model,
                                parallel,
                                log,
                                () => bar.Report(((double)Interlocked.Increment(ref done) / all, $"{done:N0} of {all:N0} answers")),
                                call.Cancelled
                            )
                            .GetAwaiter()
                            .GetResult()
                    )
                );
            }
        }
    }
}
