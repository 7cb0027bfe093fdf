using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Jinja;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A prompt that a policy answers.</summary>
/// <param name="Ids">its tokens; at least one</param>
/// <param name="Text">as text, for rewards and logs</param>
/// <param name="Row">the record that it was read from</param>
public sealed record PolicyPrompt(int[] Ids, string Text, JsonObject Row)
{
    /// <summary>The messages that it was rendered from; null where the record gives it as a text.</summary>
    public JsonArray? Messages { get; init; }
}

/// <summary>Prompts to learn from and held out, and what became of records that are neither.</summary>
/// <param name="Train">to learn from</param>
/// <param name="Valid">held out</param>
/// <param name="Skipped">records that were left out, by reason</param>
public sealed record PromptSet(IReadOnlyList<PolicyPrompt> Train, IReadOnlyList<PolicyPrompt> Valid, IReadOnlyList<SkippedRecords> Skipped)
{
    private static readonly string[] All = [];

    /// <summary>
    /// Reads records. <c>prompt</c> is a text that is taken as it is, or messages; <c>messages</c> lose what the assistant says last, which
    /// is the <c>answer</c> where the record has none;
    /// <c>question</c> is what a user says. Equal prompts land on the same side of the held-out border.
    /// </summary>
    internal static PromptSet Read(PromptSection section, Tokenizer tokenizer, JsonObject? variables, int context)
    {
        Lazy<ChatTemplate> template = new(() => ChatTemplate.For(tokenizer));
        List<PolicyPrompt> train = [],
            valid = [];
        SkippedRecordCounter skipped = new();
        int longest = Math.Min(section.MaxPromptLength, context - 1);
        foreach (
            (string file, bool held) in InputFiles
                .Find(section.Train.Select(Presets.Prompts))
                .Select(f => (f, false))
                .Concat(InputFiles.Find(section.Valid.Select(Presets.Prompts)).Select(f => (f, true)))
        )
        {
            foreach ((string place, JsonObject record) in JsonRecords.Read(file, All))
            {
                PolicyPrompt prompt;
                try
                {
                    prompt = Encode(record, section, tokenizer, template, variables);
                }
                catch (Exception e) when (e is TemplateException or InvalidOperationException or FormatException or InvalidDataException)
                {
                    throw new InvalidDataException($"{place}: {e.Message}", e);
                }
                if (prompt.Ids.Length == 0 || prompt.Ids.Length > longest)
                {
                    skipped.Add(
                        prompt.Ids.Length == 0
                            ? "the prompt is empty"
                            : $"the prompt is longer than {longest} tokens (data.max_prompt_length, or the model's context)",
                        place
                    );
                    continue;
                }
                bool isValid =
                    held
                    || (
                        section.Valid.Count == 0
                        && new PhiloxRandom(StableHash.Compute(Encoding.UTF8.GetBytes(prompt.Text)), 0).UniformDouble(0)
                            < section.ValidRatio
                    );
                (isValid ? valid : train).Add(prompt);
            }
        }
        return train.Count > 0
            ? new PromptSet(train, valid, skipped.Records)
            : throw new InvalidDataException($"data.train holds no prompt to learn from ({string.Join(", ", section.Train)})");
    }

    /// <summary>What a run is told of its data.</summary>
    /// <param name="answers">answers to each prompt</param>
    /// <param name="tokens">most tokens of each</param>
    internal RunData RunData(int answers, int tokens) =>
        new(
            Train.Sum(p => (long)p.Ids.Length + (long)answers * tokens),
            Train.Max(p => p.Ids.Length) + tokens,
            "data.max_prompt_length",
            Fingerprint(Train),
            Fingerprint(Valid)
        );

    private static PolicyPrompt Encode(
        JsonObject record,
        PromptSection section,
        Tokenizer tokenizer,
        Lazy<ChatTemplate> template,
        JsonObject? variables
    )
    {
        if (record["prompt"] is JsonValue value && value.TryGetValue(out string? plain))
        {
            return new PolicyPrompt(tokenizer.Encode(plain), plain, record);
        }
        JsonArray messages = (record["prompt"] ?? record["messages"] ?? record["conversations"]) switch
        {
            JsonArray given => [.. given.Select(m => m?.DeepClone())],
            null when record["question"] is JsonValue asked && asked.TryGetValue(out string? question) =>
            [
                (JsonNode)new JsonObject { ["role"] = "user", ["content"] = question },
            ],
            _ => throw new InvalidDataException(
                $"the keys {string.Join(", ", record.Select(p => p.Key))} are no known form of a prompt: give prompt (a text or messages), messages or question."
            ),
        };
        if (messages.Count > 0 && (string?)(messages[^1] as JsonObject)?["role"] == "assistant" && record["prompt"] is null)
        {
            record["answer"] ??= messages[^1]!["content"]?.DeepClone();
            messages.RemoveAt(messages.Count - 1);
        }
        if (section.System is { } system && (string?)(messages.FirstOrDefault() as JsonObject)?["role"] != "system")
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = system });
        }
        if (messages.Count == 0)
        {
            return new PolicyPrompt([], "", record);
        }
        string text = template.Value.Render(messages, record["tools"] as JsonArray, addGenerationPrompt: true, variables: variables);
        return new PolicyPrompt(tokenizer.Encode(text, addSpecialTokens: false), text, record) { Messages = messages };
    }

    private static string Fingerprint(IReadOnlyList<PolicyPrompt> prompts)
    {
        XxHash3 hash = new();
        foreach (PolicyPrompt prompt in prompts)
        {
            hash.Append(BitConverter.GetBytes(prompt.Ids.Length));
            hash.Append(MemoryMarshal.AsBytes(prompt.Ids.AsSpan()));
            hash.Append(Encoding.UTF8.GetBytes(prompt.Row.ToJsonString()));
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
