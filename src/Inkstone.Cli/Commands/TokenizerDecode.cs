using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink tokenizer decode</c>.</summary>
internal static class TokenizerDecode
{
    public static CliCommand Create()
    {
        Option<string> tokenizer = Flags.Tokenizer();
        Option<string> ids = Flags.Ids();
        Option<bool> skip = new("--skip-special") { Description = "leave special tokens out" };
        return new CliCommand(
            "decode",
            "token ids back to text",
            [tokenizer, ids, skip],
            Run,
            "ink tokenizer decode --tokenizer tok --ids 104,288,31",
            "ink tokenizer decode --tokenizer tok --ids 0,104,288 --skip-special --json"
        );

        int Run(CommandContext call)
        {
            Tokenizer t = Models.Tokenizer(call.Get(tokenizer)!, call);
            int[] tokens = CommandContext.ParseIds(call.Get(ids)!);
            foreach (int id in tokens)
            {
                if (id >= t.VocabularySize)
                {
                    throw new ArgumentException(
                        $"--ids names {id}, but the tokenizer {call.Get(tokenizer)} has ids 0 to {t.VocabularySize - 1}"
                    );
                }
            }
            string text = t.Decode(tokens, call.Get(skip));
            return call.Result(new JsonObject { ["text"] = text }, o => o.WriteLine(text));
        }
    }
}
