using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>A conversation in the form that chat templates take.</summary>
/// <param name="Messages">
/// objects with <c>role</c> (system, user, assistant or tool) and <c>content</c>, and what else the data has, such as <c>tool_calls</c>
/// and <c>reasoning_content</c>; at least one is an assistant's
/// </param>
/// <param name="Tools">tools that the assistant may call, or null</param>
/// <param name="TemplateVariables">variables of the chat template for this conversation alone, such as <c>enable_thinking</c>, or
/// null</param>
/// <param name="Place">where it was read, for messages to the user: <c>file:line</c>, or <c>file: row n</c> for Parquet</param>
public sealed record Conversation(JsonArray Messages, JsonArray? Tools, JsonObject? TemplateVariables, string Place);
