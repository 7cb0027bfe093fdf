using System.Diagnostics;
using System.Text;
using Inkstone.Chat;
using Inkstone.Evaluation;
using Inkstone.Grammar;
using Inkstone.Inference;

namespace Inkstone.Cli;

/// <summary>A model of this machine that answers many questions side by side, with prompts by its chat template, as training writes
/// them.</summary>
/// <param name="name">what tables call it</param>
/// <param name="model">the model, which stays the caller's</param>
/// <param name="adapter">name of the adapter that it wears; null: none</param>
internal sealed class EngineStructuredModel(string name, ChatModel model, string? adapter = null) : IStructuredModel
{
    public string Name => name;

    public async Task<StructuredAnswer> AnswerAsync(StructuredRequest request, CancellationToken cancelled)
    {
        SamplingParams sampling = new(
            Temperature: (float)request.Temperature,
            TopP: (float)request.TopP,
            MaxTokens: request.MaxTokens,
            Seed: request.Seed
        );
        long began = Stopwatch.GetTimestamp();
        Answers answers;
        try
        {
            answers = model.Start(
                new ChatRequest(request.Messages, sampling)
                {
                    Constraint = request.Schema is null ? null : new AnswerConstraint.Schema(request.Schema),
                    Adapter = adapter,
                }
            );
        }
        catch (GrammarException fault)
        {
            throw new InvalidDataException($"the prompt '{request.Id}' cannot be held to its schema: {fault.Message}", fault);
        }
        StringBuilder text = new();
        AnswerEnd end = AnswerEnd.Stop;
        try
        {
            await foreach (AnswerPiece piece in answers.ReadAllAsync(cancelled).ConfigureAwait(false))
            {
                if (piece.Kind == PieceKind.Text)
                {
                    text.Append(piece.Text);
                }
                end = piece.Kind == PieceKind.End ? piece.End : end;
            }
        }
        catch (OperationCanceledException)
        {
            answers.Cancel();
            throw;
        }
        return new StructuredAnswer(
            text.ToString(),
            Stopwatch.GetElapsedTime(began).TotalSeconds,
            answers.CompletionTokens,
            end == AnswerEnd.Length ? "length" : "stop"
        );
    }
}
