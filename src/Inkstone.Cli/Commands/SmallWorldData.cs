using Inkstone.Data;
using Inkstone.Files;
using Inkstone.SmallWorld;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>Data that need nothing from outside: the small world as documents, a tokenizer learned from them, and token shards; each a part
/// of one directory.</summary>
internal static class SmallWorldData
{
    /// <summary>DIR/corpus and DIR/text.</summary>
    public static void Corpus(CommandContext call, SmallWorldCorpus world, string directory, long bytes)
    {
        AtomicDirectory.Write(Path.Combine(directory, "corpus"), overwrite: true, place => world.Write(place, bytes));
        DataPrepare.Prepare(
            call,
            new PrepareOptions(
                [Path.Combine(directory, "corpus/world.jsonl")],
                Path.Combine(directory, "text"),
                ValidRatio: 0.02,
                Force: true
            )
        );
    }

    /// <summary>DIR/tokenizer.</summary>
    public static void Learn(CommandContext call, string directory, int vocabulary) =>
        AtomicDirectory.Write(
            Path.Combine(directory, "tokenizer"),
            overwrite: true,
            TokenizerTrain
                .Learn(
                    call,
                    [Path.Combine(directory, "text/tokenizer_corpus.txt")],
                    // GPT-2's pattern never joins a colon with the word after it, so "答：" ends where an answer begins.
                    new BpeTrainerOptions(
                        vocabulary,
                        SplitPattern.Gpt2,
                        SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
                        Threads: call.Threads ?? 0
                    )
                )
                .Tokenizer.WithChatTemplate(ChatTemplate.ChatMl)
                .Save
        );

    /// <summary>DIR/tokens.</summary>
    public static void Shards(CommandContext call, string directory)
    {
        string tokenizer = Path.Combine(directory, "tokenizer");
        Tokenize.WriteShards(
            call,
            Tokenizer.Load(tokenizer),
            tokenizer,
            new TokenizeOptions([Path.Combine(directory, "text")], Path.Combine(directory, "tokens"), Force: true)
        );
    }
}
