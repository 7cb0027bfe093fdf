using System.CommandLine;
using System.Text.Json;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink tokenizer encode</c>.</summary>
internal static class TokenizerEncode
{
    public static CliCommand Create()
    {
        Option<string> tokenizer = Flags.Tokenizer();
        Option<string> text = new("--text") { Description = "one text", HelpName = "S" };
        Option<string> texts = new("--texts") { Description = "a JSON array of texts", HelpName = "FILE.json" };
        Option<bool> noSpecial = new("--no-special") { Description = "without the special tokens that the tokenizer adds around a text" };
        return new CliCommand(
            "encode",
            "text to token ids, exactly as Hugging Face's tokenizers do it",
            [tokenizer, text, texts, noSpecial],
            Run,
            "ink tokenizer encode --tokenizer tok --text \"床前明月光\"",
            "ink tokenizer encode --tokenizer tok --texts texts.json --no-special --json"
        );

        int Run(CommandContext call)
        {
            IReadOnlyList<string> inputs = (call.Get(text), call.Get(texts)) switch
            {
                (string one, null) => [one],
                (null, string file) => TextFile.StringArray(file),
                _ => throw new ArgumentException("give either --text S or --texts FILE.json"),
            };
            Tokenizer t = Models.Tokenizer(call.Get(tokenizer)!, call);
            int[][] ids = [.. inputs.Select(i => t.Encode(i, !call.Get(noSpecial)))];
            if (!call.Json)
            {
                foreach (int[] row in ids)
                {
                    call.Out.WriteLine(string.Join(',', row));
                }
                return 0;
            }
            call.WriteJson(writer => Write(writer, ids));
            return 0;
        }
    }

    private static void Write(Utf8JsonWriter writer, int[][] rows)
    {
        writer.WriteStartArray();
        foreach (int[] row in rows)
        {
            writer.WriteStartArray();
            foreach (int id in row)
            {
                writer.WriteNumberValue(id);
            }
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
    }
}
