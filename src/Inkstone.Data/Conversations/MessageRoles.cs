namespace Inkstone.Data;

/// <summary>The four roles of chat templates, and the names that data sets give them.</summary>
internal static class MessageRoles
{
    public const string System = "system",
        User = "user",
        Assistant = "assistant",
        Tool = "tool";

    /// <summary>The role of a message that is nothing but a call of a tool; it is an assistant's.</summary>
    public const string Call = "function_call";

    /// <exception cref="InvalidDataException">No such role is known.</exception>
    public static string Normalize(string name) =>
        name.Trim().ToLowerInvariant() switch
        {
            "system" or "developer" => System,
            "user" or "human" or "prompter" or "input" => User,
            "assistant" or "gpt" or "bing" or "model" or "bot" or "chatbot" or "chatgpt" or "ai" or "output" => Assistant,
            "tool" or "function" or "observation" or "tool_response" or "function_response" or "tool_result" or "ipython" => Tool,
            "function_call" or "function-call" or "tool_call" => Call,
            _ => throw new InvalidDataException($"the role '{name}' is not known: name it system, user, assistant, tool or function_call."),
        };
}
