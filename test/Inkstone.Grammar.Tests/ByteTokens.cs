using System.Text;
using System.Text.Json;
using Inkstone.Text;

namespace Inkstone.Grammar.Tests;

/// <summary>A vocabulary of the 256 bytes, some longer tokens and three added ones, for tests that need no real one.</summary>
internal static class ByteTokens
{
    public static TokenVocabulary Vocabulary { get; } =
        new(Make("{\"", "\":", "\",\"", "\"}", "true", "false", "null", "  ", "abc", "\"a\":", ",\"a\":1", "name"));

    /// <summary>The token that ends a text.</summary>
    public static int End { get; } = Vocabulary.Tokenizer.TokenToId("<end>")!.Value;

    public static int Id(byte b) => Vocabulary.Tokenizer.TokenToId(Spell([b]))!.Value;

    public static CompiledGrammar Compile(TextGrammar grammar) => new(grammar, Vocabulary);

    /// <summary>Whether a grammar allows a text, given byte by byte.</summary>
    public static bool Allows(CompiledGrammar grammar, string text)
    {
        TokenMask mask = grammar.NewMask(End);
        return Encoding.UTF8.GetBytes(text).All(b => mask.Accept(Id(b))) && mask.CanEnd;
    }

    public static bool Allows(TextGrammar grammar, string text) => Allows(Compile(grammar), text);

    /// <summary>A byte-level tokenizer that has these texts as tokens beside the bytes.</summary>
    public static Tokenizer Make(params string[] texts)
    {
        Dictionary<string, int> vocab = [];
        for (int b = 0; b < 256; b++)
        {
            vocab[Spell([(byte)b])] = b;
        }
        List<string> merges = [];
        foreach (string text in texts)
        {
            string spelled = Spell(Encoding.UTF8.GetBytes(text));
            for (int i = 2; i <= spelled.Length; i++)
            {
                if (vocab.TryAdd(spelled[..i], vocab.Count))
                {
                    merges.Add($"{spelled[..(i - 1)]} {spelled[i - 1]}");
                }
            }
        }
        object Added(int id, string content, bool special) =>
            new
            {
                id,
                content,
                single_word = false,
                lstrip = false,
                rstrip = false,
                normalized = false,
                special,
            };
        int next = vocab.Count;
        string json = JsonSerializer.Serialize(
            new
            {
                version = "1.0",
                added_tokens = new[] { Added(next, "<end>", true), Added(next + 1, "<call>", true), Added(next + 2, "<tool_call>", false) },
                pre_tokenizer = new
                {
                    type = "ByteLevel",
                    add_prefix_space = false,
                    trim_offsets = true,
                    use_regex = true,
                },
                decoder = new
                {
                    type = "ByteLevel",
                    add_prefix_space = false,
                    trim_offsets = true,
                    use_regex = true,
                },
                model = new
                {
                    type = "BPE",
                    vocab,
                    merges,
                },
            }
        );
        return Tokenizer.FromJson(Encoding.UTF8.GetBytes(json), "{}"u8.ToArray(), "test");
    }

    /// <summary>Bytes in GPT-2's alphabet.</summary>
    private static string Spell(byte[] bytes)
    {
        StringBuilder text = new();
        foreach (byte b in bytes)
        {
            int others = Enumerable.Range(0, b).Count(o => !Printable(o));
            _ = text.Append((char)(Printable(b) ? b : 256 + others));
        }
        return text.ToString();

        static bool Printable(int b) => b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
    }
}
