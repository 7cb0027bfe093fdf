using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;

namespace Inkstone.Server;

/// <summary>tools, tool_choice and what an answer has to be (response_format, guided_…, grammar, json_schema).</summary>
internal static class ToolFields
{
    /// <summary>Functions in the form of chat/completions; those of /v1/responses have their members one level higher.</summary>
    public static JsonArray? Tools(Fields body)
    {
        if (body.Objects("tools") is not { } tools)
        {
            return null;
        }
        JsonArray functions = [];
        foreach (Fields tool in tools)
        {
            string type = tool.Text("type") ?? "function";
            if (type != "function")
            {
                throw ApiException.Bad(
                    tool.Path("type"),
                    $"{tool.Path("type")} must be function, it is '{type}': this server runs no tools of its own."
                );
            }
            functions.Add((JsonNode)Function(tool.Object("function") ?? tool, "parameters"));
        }
        return functions;
    }

    /// <summary>One function; <paramref name="schema"/> is the member with its parameters.</summary>
    public static JsonObject Function(Fields f, string schema)
    {
        string name = f.NeededText("name");
        if (name.Length is 0 or > 256)
        {
            throw f.Wrong("name", "a text of 1 to 256 characters");
        }
        JsonObject function = new() { ["name"] = name };
        if (f.Text("description") is { } description)
        {
            function["description"] = description;
        }
        function["parameters"] = f.Node(schema) ?? new JsonObject { ["type"] = "object", ["properties"] = new JsonObject() };
        if (f.Flag("strict") == true)
        {
            function["strict"] = true;
        }
        return new JsonObject { ["type"] = "function", ["function"] = function };
    }

    /// <summary>auto, none, required, or the object that names one function.</summary>
    public static ToolChoice Choice(Fields body, JsonArray? tools)
    {
        if (body["tool_choice"] is not { } choice)
        {
            return default;
        }
        ToolChoice read = choice.ValueKind switch
        {
            JsonValueKind.String => choice.GetString() switch
            {
                "auto" => default,
                "none" => new(ToolChoiceKind.None),
                "required" or "any" => new(ToolChoiceKind.Required),
                _ => throw body.Wrong("tool_choice", "auto, none, required or an object that names a function", choice),
            },
            JsonValueKind.Object => Named(body, body.Object("tool_choice")!.Value),
            _ => throw body.Wrong("tool_choice", "auto, none, required or an object that names a function", choice),
        };
        return read.Kind == ToolChoiceKind.Required && tools is not { Count: > 0 }
                ? throw ApiException.Bad("tool_choice", "tool_choice asks for a call, but there are no tools.")
            : read.Name is { } name && !tools!.Any(tool => (string?)tool!["function"]!["name"] == name)
                ? throw ApiException.Bad("tool_choice", $"tool_choice names the function {name}, which is not among the tools.")
            : read;
    }

    private static ToolChoice Named(Fields body, Fields choice) =>
        choice.Text("type") switch
        {
            "function" or null => new(ToolChoiceKind.Required, (choice.Object("function") ?? choice).NeededText("name")),
            "auto" => default,
            "none" => new(ToolChoiceKind.None),
            "any" or "required" => new(ToolChoiceKind.Required),
            "tool" => new(ToolChoiceKind.Required, choice.NeededText("name")),
            "allowed_tools" => new(
                (choice.Object("allowed_tools") ?? choice).Text("mode") == "required" ? ToolChoiceKind.Required : ToolChoiceKind.Auto
            ),
            _ => throw body.Wrong("tool_choice", "of type function", body["tool_choice"]!.Value),
        };

    /// <summary>What the answer has to be; at most one member may say so.</summary>
    public static AnswerConstraint? Constraint(Fields body)
    {
        List<(string Name, AnswerConstraint Constraint)> found = [];
        if (body.Object("response_format") is { } format && Format(format, "response_format") is { } asked)
        {
            found.Add(("response_format", asked));
        }
        if (body["json_schema"] is { } schema)
        {
            found.Add(("json_schema", Schema(body, "json_schema", schema)));
        }
        if (body["guided_json"] is { } guided)
        {
            found.Add(
                (
                    "guided_json",
                    guided.ValueKind == JsonValueKind.String
                        ? new AnswerConstraint.Schema(guided.GetString()!)
                        : Schema(body, "guided_json", guided)
                )
            );
        }
        if (body.Text("guided_regex") is { } regex)
        {
            found.Add(("guided_regex", new AnswerConstraint.Regex(regex)));
        }
        if (body.Has("guided_choice"))
        {
            string[] choices = body.Texts("guided_choice")!;
            found.Add(
                (
                    "guided_choice",
                    choices.Length > 0
                        ? new AnswerConstraint.Choice(choices)
                        : throw body.Wrong("guided_choice", "a list with at least one text")
                )
            );
        }
        foreach (string name in (string[])["guided_grammar", "grammar"])
        {
            if (body.Text(name) is { Length: > 0 } grammar)
            {
                found.Add((name, new AnswerConstraint.Grammar(grammar)));
            }
        }
        return found.Count <= 1
            ? found.FirstOrDefault().Constraint
            : throw ApiException.Bad(found[1].Name, $"{found[0].Name} and {found[1].Name} both say what the answer has to be; give one.");
    }

    /// <summary>response_format, or text.format of /v1/responses.</summary>
    public static AnswerConstraint? Format(Fields format, string name) =>
        format.NeededText("type") switch
        {
            "text" => null,
            "json_object" => format["schema"] is { } schema ? Schema(format, "schema", schema) : new AnswerConstraint.Json(),
            "json_schema" => (format.Object("json_schema") ?? format) is var holder && holder["schema"] is { } schema
                ? Schema(holder, "schema", schema)
                : throw holder.Missing("schema"),
            "regex" => new AnswerConstraint.Regex(format.Text("pattern") ?? format.NeededText("regex")),
            "grammar" => new AnswerConstraint.Grammar(format.NeededText("grammar")),
            string type => throw ApiException.Bad($"{name}.type", $"{name}.type must be text, json_object or json_schema, it is '{type}'."),
        };

    /// <summary>A schema is an object, or true or false.</summary>
    public static AnswerConstraint Schema(Fields holder, string name, JsonElement schema) =>
        schema.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False
            ? new AnswerConstraint.Schema(schema.GetRawText())
            : throw holder.Wrong(name, "a JSON Schema", schema);
}
