namespace Inkstone.Chat;

/// <summary>How a model writes that it calls a tool, told from its chat template. What stands between the markers
/// <see cref="ToolCallScanner"/> reads.</summary>
/// <param name="Name">for people</param>
/// <param name="Opens">markers before a call, or before a list of them</param>
/// <param name="Closes">markers behind it, which are dropped</param>
/// <param name="Bare">an answer that begins with { is a call</param>
/// <param name="Written">whether the template itself writes tools, calls and results; else <see cref="ToolsAsText"/> does</param>
internal sealed record ToolForm(string Name, string[] Opens, string[] Closes, bool Bare, bool Written)
{
    /// <summary>The form of Qwen and Hermes, which is also asked of models whose template knows no tools.</summary>
    public static ToolForm Hermes(bool written) => new("hermes", ["<tool_call>"], ["</tool_call>"], Bare: false, written);

    /// <summary>The form that a template speaks.</summary>
    public static ToolForm Detect(string? template)
    {
        if (template is null || !template.Contains("tools", StringComparison.Ordinal))
        {
            return Hermes(written: false);
        }
        return Has("<tool_call>") ? Hermes(written: true)
            : Has("[TOOL_CALLS]") ? new("mistral", ["[TOOL_CALLS]"], [], Bare: false, Written: true)
            : Has("<｜tool▁call▁begin｜>")
                ? new(
                    "deepseek",
                    ["<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁call▁begin｜>"],
                    ["```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"],
                    Bare: false,
                    Written: true
                )
            : Has("<|python_tag|>") || (Has("<|start_header_id|>") && Has("parameters"))
                ? new("llama3", ["<|python_tag|>"], [";", "<|eom_id|>"], Bare: true, Written: true)
            : Hermes(written: true);

        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);
    }

    /// <summary>What an answer that must be a call begins with; a JSON object with name and arguments follows.</summary>
    public string Prefill =>
        Name switch
        {
            "mistral" => "[TOOL_CALLS] [",
            "hermes" => "<tool_call>\n",
            _ => "",
        };

    /// <summary>Key of the arguments in that object.</summary>
    public string ArgumentsKey => Name == "llama3" ? "parameters" : "arguments";
}
