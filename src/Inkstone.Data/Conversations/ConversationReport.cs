namespace Inkstone.Data;

/// <summary>What was read so far.</summary>
/// <param name="Records">records read, those left out included</param>
/// <param name="Conversations">conversations given out</param>
/// <param name="Skipped">records left out by reason, the most frequent first</param>
/// <param name="Formats">records by the shape they have, such as <c>messages</c> or <c>instruction/output</c></param>
/// <param name="Roles">messages by role, as they are given out</param>
/// <param name="AssistantTurns">assistant messages given out</param>
/// <param name="LongestConversation">messages of the longest conversation</param>
/// <param name="WithTools">conversations with tools or tool calls</param>
/// <param name="WithReasoning">conversations with reasoning</param>
public sealed record ConversationReport(
    long Records,
    long Conversations,
    IReadOnlyList<SkippedRecords> Skipped,
    IReadOnlyDictionary<string, long> Formats,
    IReadOnlyDictionary<string, long> Roles,
    long AssistantTurns,
    int LongestConversation,
    long WithTools,
    long WithReasoning
);
