using System.CommandLine;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink tokenizer inspect</c>.</summary>
internal static class TokenizerInspect
{
    public static CliCommand Create()
    {
        Option<string> tokenizer = Flags.Tokenizer();
        Option<string> ids = new("--ids") { Description = "show these tokens", HelpName = "IDS" };
        Option<string> text = new("--text") { Description = "show how this text is cut", HelpName = "S" };
        return new CliCommand(
            "inspect",
            "a tokenizer's sizes, special tokens and pieces",
            [tokenizer, ids, text],
            Run,
            "ink tokenizer inspect --tokenizer tok",
            "ink tokenizer inspect --tokenizer tok --text \"春眠不觉晓\""
        );

        int Run(CommandContext call)
        {
            string path = call.Get(tokenizer)!;
            Tokenizer t = Models.Tokenizer(path, call);
            int[]? shown =
                call.Get(ids) is { } list ? CommandContext.ParseIds(list)
                : call.Get(text) is { } s ? t.Encode(s)
                : null;
            FactSheet sheet = TokenizerSheet.Create(path, t);
            if (shown is not null)
            {
                sheet.Table(
                    "tokens",
                    ["id", "token", "bytes", "special"],
                    shown.Select(id =>
                        (string[])[$"{id}", t.IdToToken(id), Convert.ToHexString(t.TokenBytes(id)), t.IsSpecial(id) ? "yes" : ""]
                    )
                );
            }
            return sheet.Print(call);
        }
    }
}
