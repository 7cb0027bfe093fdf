using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Chat;

namespace Inkstone.Server;

/// <summary>The output items of a response, put together from the pieces of an answer, and the events that tell of them.</summary>
/// <param name="tell">type and members of each event</param>
internal sealed class ResponseItems(Action<string, JsonObject> tell)
{
    private readonly JsonArray _output = [];
    private readonly StringBuilder _text = new();
    private JsonObject? _item;
    private PieceKind _kind;

    /// <summary>All finished items.</summary>
    public JsonArray Output => _output.DeepClone().AsArray();

    /// <summary>Takes the next piece.</summary>
    public void Add(AnswerPiece piece)
    {
        switch (piece.Kind)
        {
            case PieceKind.Call:
                Open(
                    PieceKind.Call,
                    new JsonObject
                    {
                        ["id"] = Wire.Id("fc_"),
                        ["type"] = "function_call",
                        ["status"] = "in_progress",
                        ["call_id"] = piece.CallId,
                        ["name"] = piece.Text,
                        ["arguments"] = "",
                    }
                );
                break;
            case PieceKind.Arguments:
                _text.Append(piece.Text);
                Tell("response.function_call_arguments.delta", "delta", piece.Text);
                break;
            case PieceKind.Thought:
                if (_item is null || _kind != PieceKind.Thought)
                {
                    Open(
                        PieceKind.Thought,
                        new JsonObject
                        {
                            ["id"] = Wire.Id("rs_"),
                            ["type"] = "reasoning",
                            ["status"] = "in_progress",
                            ["summary"] = new JsonArray(),
                            ["content"] = new JsonArray(),
                        }
                    );
                }
                _text.Append(piece.Text);
                Tell("response.reasoning_text.delta", "delta", piece.Text, content: true);
                break;
            case PieceKind.Text:
                if (_item is null || _kind != PieceKind.Text)
                {
                    OpenMessage();
                }
                _text.Append(piece.Text);
                Tell("response.output_text.delta", "delta", piece.Text, content: true, logprobs: true);
                break;
            case PieceKind.End when _item is null && _output.Count == 0:
                OpenMessage(); // the model said nothing, which is an answer, too
                break;
        }
    }

    /// <summary>Nothing follows.</summary>
    public void End() => Close();

    private void OpenMessage()
    {
        Open(
            PieceKind.Text,
            new JsonObject
            {
                ["id"] = Wire.Id("msg_"),
                ["type"] = "message",
                ["status"] = "in_progress",
                ["role"] = "assistant",
                ["content"] = new JsonArray(),
            }
        );
        JsonObject data = Place(content: true);
        data["part"] = Part("");
        tell("response.content_part.added", data);
    }

    private void Open(PieceKind kind, JsonObject item)
    {
        Close();
        (_kind, _item) = (kind, item);
        _text.Clear();
        tell("response.output_item.added", new JsonObject { ["output_index"] = _output.Count, ["item"] = item.DeepClone() });
    }

    private void Close()
    {
        if (_item is not { } item)
        {
            return;
        }
        string text = _text.ToString();
        item["status"] = "completed";
        switch (_kind)
        {
            case PieceKind.Call:
                item["arguments"] = text;
                Tell("response.function_call_arguments.done", "arguments", text, name: (string?)item["name"]);
                break;
            case PieceKind.Thought:
                item["content"] = new JsonArray(new JsonObject { ["type"] = "reasoning_text", ["text"] = text });
                Tell("response.reasoning_text.done", "text", text, content: true);
                break;
            default:
                item["content"] = new JsonArray(Part(text));
                Tell("response.output_text.done", "text", text, content: true, logprobs: true);
                JsonObject data = Place(content: true);
                data["part"] = Part(text);
                tell("response.content_part.done", data);
                break;
        }
        tell("response.output_item.done", new JsonObject { ["output_index"] = _output.Count, ["item"] = item.DeepClone() });
        _output.Add((JsonNode)item);
        _item = null;
    }

    private void Tell(string type, string key, string text, bool content = false, bool logprobs = false, string? name = null)
    {
        JsonObject data = Place(content);
        data[key] = text;
        if (logprobs)
        {
            data["logprobs"] = new JsonArray();
        }
        if (name is not null)
        {
            data["name"] = name;
        }
        tell(type, data);
    }

    private JsonObject Place(bool content)
    {
        JsonObject data = new() { ["item_id"] = (string?)_item!["id"], ["output_index"] = _output.Count };
        if (content)
        {
            data["content_index"] = 0;
        }
        return data;
    }

    private static JsonObject Part(string text) =>
        new()
        {
            ["type"] = "output_text",
            ["text"] = text,
            ["annotations"] = new JsonArray(),
            ["logprobs"] = new JsonArray(),
        };
}
