namespace Inkstone.Evaluation;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">system, user or assistant</param>
/// <param name="Content">its text</param>
public sealed record PromptMessage(string Role, string Content);

/// <summary>Renders a conversation as a model sees it; with false as the last argument its last message, an assistant's, stays
/// open.</summary>
/// <param name="messages">the conversation</param>
/// <param name="addGenerationPrompt">end where the assistant's answer begins</param>
public delegate string ChatRenderer(IReadOnlyList<PromptMessage> messages, bool addGenerationPrompt);

/// <summary>How prompts are put together.</summary>
/// <param name="SystemInstruction">stands before a task's description</param>
/// <param name="Chat">the model's chat template; null writes plain text</param>
/// <param name="Multiturn">examples are turns of the conversation, and not parts of one question</param>
internal sealed record PromptOptions(string? SystemInstruction, ChatRenderer? Chat, bool Multiturn);
