using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>How a model in training continues a prompt.</summary>
internal static class RunSample
{
    /// <summary>A sample at temperature 0.8 whose choices depend on the seed alone, so a resumed run writes the same.</summary>
    public static string Continue(CausalLm model, Tokenizer tokenizer, string prompt, int tokens, ulong seed)
    {
        int[] ids = tokenizer.Encode(prompt);
        if (ids.Length == 0)
        {
            ids = [tokenizer.EosId ?? tokenizer.BosId ?? 0]; // the border of documents: anything may follow
        }
        return string.Concat(new TextGenerator(model, tokenizer).Generate(ids, Sampling(tokens, seed)));
    }

    /// <summary>The same, but the prompt is what a user says and the text is the answer.</summary>
    public static string Answer(
        CausalLm model,
        Tokenizer tokenizer,
        ChatTemplate template,
        JsonObject? variables,
        string prompt,
        int tokens,
        ulong seed
    )
    {
        JsonArray messages = [(JsonNode)new JsonObject { ["role"] = "user", ["content"] = prompt }];
        int[] ids = tokenizer.Encode(template.Render(messages, addGenerationPrompt: true, variables: variables), addSpecialTokens: false);
        return string.Concat(
            new TextGenerator(model, tokenizer).Generate(ids, Sampling(tokens, seed) with { Stop = template.EndOfTurn(tokenizer) })
        );
    }

    private static SamplingParams Sampling(int tokens, ulong seed) => new(Temperature: 0.8f, TopP: 0.95f, Seed: seed, MaxTokens: tokens);
}
