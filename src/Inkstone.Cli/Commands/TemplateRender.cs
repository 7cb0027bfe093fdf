using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink template render</c>.</summary>
internal static class TemplateRender
{
    public static CliCommand Create()
    {
        Option<string> template = new("--template")
        {
            Description = "tokenizer directory, tokenizer_config.json or a .jinja file",
            HelpName = "PATH",
            Required = true,
        };
        Option<string> messages = new("--messages")
        {
            Description = "a JSON array of messages with role and content",
            HelpName = "FILE.json",
            Required = true,
        };
        Option<string> tools = new("--tools") { Description = "a JSON array of the functions that may be called", HelpName = "FILE.json" };
        Option<bool> prompt = new("--add-generation-prompt") { Description = "end where the assistant's answer begins" };
        Option<string[]> variables = TemplateVariables.Option();
        return new CliCommand(
            "render",
            "applies a chat template and prints the text, nothing added",
            [template, messages, tools, variables, prompt],
            Run,
            "ink template render --template tok --messages messages.json",
            "ink template render --template tok --messages messages.json --tools tools.json --add-generation-prompt"
        );

        int Run(CommandContext call)
        {
            ChatTemplate chat = ChatTemplate.Read(call.Get(template)!);
            JsonElement conversation = TextFile.Array(call.Get(messages)!);
            JsonElement? functions = call.Get(tools) is { } file ? TextFile.Array(file) : null;
            string text = chat.Render(conversation, functions, call.Get(prompt), TemplateVariables.Read(call, variables));
            return call.Result(new JsonObject { ["text"] = text }, o => o.Write(text));
        }
    }
}
