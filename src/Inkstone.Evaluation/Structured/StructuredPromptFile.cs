using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Evaluation;

/// <summary>Prompts of a structured evaluation: <c>{system?, generation_params: {temperature, top_p, max_new_tokens, seed}, prompts: [{id,
/// group, instruction, schema, input, gold_output, schema_def}]}</c>.</summary>
/// <param name="System">the system message; empty for none</param>
/// <param name="Temperature">0 takes the likeliest token</param>
/// <param name="TopP">share of probability that is drawn from</param>
/// <param name="MaxTokens">most tokens of an answer</param>
/// <param name="Seed">of what is drawn</param>
/// <param name="Prompts">the prompts</param>
public sealed record StructuredPromptFile(
    string System,
    double Temperature,
    double TopP,
    int MaxTokens,
    ulong Seed,
    IReadOnlyList<StructuredPrompt> Prompts
)
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">JSON</param>
    /// <exception cref="InvalidDataException">It has another form; the message names the prompt and the key.</exception>
    public static StructuredPromptFile Read(string path)
    {
        JsonObject file;
        try
        {
            file =
                JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject
                ?? throw new InvalidDataException($"{path}: the file must be an object with prompts; it is something else");
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: this is no JSON: {fault.Message}", fault);
        }
        if (file["prompts"] is not JsonArray { Count: > 0 } list)
        {
            throw new InvalidDataException(
                $"{path}: prompts is missing; it is a list of {{id, instruction, schema, input, gold_output, schema_def}}"
            );
        }
        JsonObject settings = file["generation_params"] as JsonObject ?? [];
        StructuredPrompt[] prompts = [.. list.Select((node, i) => Prompt(node as JsonObject, $"{path}: prompts[{i}]"))];
        if (prompts.GroupBy(p => p.Id).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidDataException($"{path}: the id '{twice.Key}' stands there {twice.Count()} times; ids tell answers apart");
        }
        return new StructuredPromptFile(
            file["system"] is JsonValue system && system.TryGetValue(out string? message) ? message : IeTexts.System,
            Number("temperature", 0),
            Number("top_p", 1),
            (int)Number("max_new_tokens", 256),
            (ulong)Number("seed", 42),
            prompts
        );

        double Number(string key, double usual) =>
            settings[key] is not { } node ? usual
            : node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.GetValue<double>() is >= 0 and var number
                ? number
            : throw new InvalidDataException($"{path}: generation_params.{key} must be a number of 0 or more, got {node.ToJsonString()}");
    }

    private static StructuredPrompt Prompt(JsonObject? json, string place)
    {
        json ??= [];
        JsonObject definition =
            json["schema_def"] as JsonObject
            ?? throw new InvalidDataException($"{place}: schema_def is missing; it holds required_fields, allowed_fields and types");
        string[] allowed = Texts(definition, "allowed_fields");
        JsonObject types = definition["types"] as JsonObject ?? [],
            enums = definition["enum_constraints"] as JsonObject ?? [];
        return new StructuredPrompt(
            Text("id") ?? throw new InvalidDataException($"{place}: id is missing"),
            Text("group") ?? "all",
            Text("instruction") ?? "",
            json["schema"] is null ? allowed : Texts(json, "schema"),
            Text("input") ?? throw new InvalidDataException($"{place}: input is missing"),
            Texts(definition, "required_fields"),
            allowed,
            types.ToDictionary(
                t => t.Key,
                t =>
                    t.Value is JsonValue type && type.TryGetValue(out string? name)
                        ? name
                        : throw new InvalidDataException($"{place}: types.{t.Key} must be string, list, string_or_list, number or boolean"),
                StringComparer.Ordinal
            ),
            enums.ToDictionary(e => e.Key, IReadOnlyList<string> (e) => Texts(enums, e.Key), StringComparer.Ordinal),
            json["gold_output"] as JsonObject
        );

        string? Text(string key) => json[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

        string[] Texts(JsonObject of, string key) =>
            of[key] is JsonArray array && array.All(v => v is JsonValue value && value.GetValueKind() == JsonValueKind.String)
                ? [.. array.Select(v => v!.GetValue<string>())]
                : throw new InvalidDataException($"{place}: {key} must be a list of texts");
    }
}
