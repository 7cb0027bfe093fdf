using System.Text.Json.Nodes;
using Inkstone.Chat;

namespace Inkstone.Server;

/// <summary>The content blocks of a streamed message: thinking, text and tool_use, each begun, continued and ended.</summary>
/// <param name="tell">type and members of each event</param>
internal sealed class MessageBlocks(Action<string, JsonObject> tell)
{
    private PieceKind? _open;
    private int _index = -1;

    /// <summary>Takes the next piece.</summary>
    public void Add(AnswerPiece piece)
    {
        switch (piece.Kind)
        {
            case PieceKind.Call:
                Open(
                    PieceKind.Arguments,
                    new JsonObject
                    {
                        ["type"] = "tool_use",
                        ["id"] = piece.CallId,
                        ["name"] = piece.Text,
                        ["input"] = new JsonObject(),
                    }
                );
                break;
            case PieceKind.Arguments:
                Delta(new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = piece.Text });
                break;
            case PieceKind.Thought:
                if (_open != PieceKind.Thought)
                {
                    Open(
                        PieceKind.Thought,
                        new JsonObject
                        {
                            ["type"] = "thinking",
                            ["thinking"] = "",
                            ["signature"] = "",
                        }
                    );
                }
                Delta(new JsonObject { ["type"] = "thinking_delta", ["thinking"] = piece.Text });
                break;
            default:
                if (_open != PieceKind.Text)
                {
                    Open(PieceKind.Text, new JsonObject { ["type"] = "text", ["text"] = "" });
                }
                Delta(new JsonObject { ["type"] = "text_delta", ["text"] = piece.Text });
                break;
        }
    }

    /// <summary>Nothing follows; a message has at least one block.</summary>
    public void End()
    {
        if (_index < 0)
        {
            Add(new AnswerPiece(0, PieceKind.Text, ""));
        }
        Close();
    }

    private void Open(PieceKind kind, JsonObject block)
    {
        Close();
        (_open, _index) = (kind, _index + 1);
        tell(
            "content_block_start",
            new JsonObject
            {
                ["type"] = "content_block_start",
                ["index"] = _index,
                ["content_block"] = block,
            }
        );
    }

    private void Delta(JsonObject delta) =>
        tell(
            "content_block_delta",
            new JsonObject
            {
                ["type"] = "content_block_delta",
                ["index"] = _index,
                ["delta"] = delta,
            }
        );

    private void Close()
    {
        if (_open is null)
        {
            return;
        }
        if (_open == PieceKind.Thought)
        {
            Delta(new JsonObject { ["type"] = "signature_delta", ["signature"] = "" });
        }
        tell("content_block_stop", new JsonObject { ["type"] = "content_block_stop", ["index"] = _index });
        _open = null;
    }
}
