using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>How many tokens an answer took and how fast they came.</summary>
/// <param name="Prompt">tokens of the prompt</param>
/// <param name="Completion">tokens of the answers</param>
/// <param name="Cached">tokens of the prompt that had been computed before</param>
internal readonly record struct Usage(int Prompt, int Completion, int Cached)
{
    public JsonObject OpenAi() =>
        new()
        {
            ["prompt_tokens"] = Prompt,
            ["completion_tokens"] = Completion,
            ["total_tokens"] = Prompt + Completion,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = Cached },
        };

    /// <summary>llama.cpp's figures, which its own front ends show.</summary>
    public JsonObject Timings(double firstSeconds, double totalSeconds)
    {
        double decode = Math.Max(totalSeconds - firstSeconds, 1e-9),
            prefill = Math.Max(firstSeconds, 1e-9);
        return new()
        {
            ["cache_n"] = Cached,
            ["prompt_n"] = Prompt - Cached,
            ["prompt_ms"] = Math.Round(1e3 * prefill, 3),
            ["prompt_per_token_ms"] = Math.Round(1e3 * prefill / Math.Max(Prompt - Cached, 1), 3),
            ["prompt_per_second"] = Math.Round((Prompt - Cached) / prefill, 3),
            ["predicted_n"] = Completion,
            ["predicted_ms"] = Math.Round(1e3 * decode, 3),
            ["predicted_per_token_ms"] = Math.Round(1e3 * decode / Math.Max(Completion, 1), 3),
            ["predicted_per_second"] = Math.Round(Math.Max(Completion - 1, 0) / decode, 3),
        };
    }
}
