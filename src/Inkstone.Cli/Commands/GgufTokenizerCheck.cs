using System.Text;
using System.Text.Encodings.Web;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>
/// Before a model is written as GGUF: what llama.cpp will make of its tokenizer is compared with what the tokenizer does. Texts as people
/// write them must get
/// the same ids, or nothing is written; other differences, such as the composed characters that GGUF has no place for, are said.
/// </summary>
internal static class GgufTokenizerCheck
{
    private const int Shown = 4;

    /// <summary>Runs <paramref name="write"/> with the directory whose tokenizer goes into the file.</summary>
    public static void Around(CommandContext call, string model, HfConfig config, Action<string> write)
    {
        if (!GgufFile.IsGguf(model) && !File.Exists(Path.Combine(model, "tokenizer.json")))
        {
            write(model);
            return;
        }
        Tokenizer tokenizer = Models.Tokenizer(model, call);
        string place = Directory.CreateTempSubdirectory("ink-").FullName;
        try
        {
            // Saved by itself it holds the tokens and roles of all its files.
            tokenizer.Save(place);
            Compare(
                call,
                model,
                tokenizer,
                GgufTokenizer.AsWritten(place, config, GgufFile.IsGguf(model) ? model : Path.Combine(model, "tokenizer.json"))!
            );
            write(place);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static void Compare(CommandContext call, string model, Tokenizer tokenizer, GgufTokenizer written)
    {
        IReadOnlyList<TokenizerDifference> differences = TokenizerComparison.Compare(
            tokenizer,
            Tokenizer.FromJson(Encoding.UTF8.GetBytes(written.Json), Encoding.UTF8.GetBytes(written.ConfigJson), model)
        );
        if (differences.Count == 0)
        {
            return;
        }
        TokenizerDifference[] first = [.. differences.OrderByDescending(d => d.Plain).Take(Shown)];
        string texts =
            $"{differences.Count} of the test texts get other ids from llama.cpp: {string.Join(", ", first.Select(d => Quoted(d.Text)))}{(differences.Count > Shown ? ", …" : "")}";
        if (differences.Any(d => d.Plain))
        {
            throw new InvalidDataException(
                $"{model}: GGUF cannot hold this tokenizer, {texts}; keep the model as a directory, or give it a tokenizer that llama.cpp has, such as one of ink tokenizer train"
            );
        }
        call.Warn(
            $"{model}: GGUF cannot hold all of this tokenizer (it has no place for a normalizer, nor for the white space that added tokens take along), so {texts}"
        );
    }

    private static string Quoted(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";
}
