using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Evaluation;

/// <summary>What a request is in tokens: those that are given, and those that are scored.</summary>
/// <param name="Context">tokens before; never empty</param>
/// <param name="Continuation">tokens that are scored; never empty</param>
public sealed record ScoredTokens(int[] Context, int[] Continuation);

/// <summary>
/// Cuts requests into tokens as lm-evaluation-harness does with models of transformers: blanks at a context's end go to the continuation,
/// whose tokens are what the
/// whole has behind the context's own. Where a token spans the joint, text is lost; <see cref="LosesText"/> tells.
/// </summary>
/// <param name="tokenizer">the model's tokenizer</param>
/// <param name="addBosToken">whether a begin token stands before each text; null leaves it to the tokenizer</param>
public sealed class TokenSplitter(Tokenizer tokenizer, bool? addBosToken = null)
{
    private const string Blank = "\u2581";

    /// <summary>
    /// transformers 5 builds the tokenizers of this class anew, whatever their file says: the blank that is put before a text is left out
    /// where the text begins with one.
    /// </summary>
    private readonly bool _oneBlank =
        tokenizer.ClassName is "LlamaTokenizer" or "LlamaTokenizerFast"
        && tokenizer.TokenToId(Blank) is not null
        && tokenizer.Encode("a", addSpecialTokens: false) is [var first, ..]
        && tokenizer.IdToToken(first).StartsWith(Blank, StringComparison.Ordinal);

    /// <summary>What stands before a text that has nothing before it: the begin token, else the end token.</summary>
    public int PrefixToken { get; } =
        tokenizer.BosId
        ?? tokenizer.EosId
        ?? throw new InvalidDataException(
            "the tokenizer has neither a begin token nor an end token, so nothing can stand before an empty context; name one in its tokenizer_config.json."
        );

    /// <summary>Tokens of a text, with the begin token where it belongs and the text does not begin with it.</summary>
    public int[] Encode(string text) =>
        text.StartsWith(tokenizer.IdToToken(PrefixToken), StringComparison.Ordinal) ? Plain(text, special: false) : Special(text);

    /// <summary>Tokens of a prompt that a text is made behind.</summary>
    public int[] EncodePrompt(string text) =>
        tokenizer.BosId is { } bos && text.StartsWith(tokenizer.IdToToken(bos), StringComparison.Ordinal)
            ? Plain(text, special: false)
            : Special(text);

    /// <summary>A context and its continuation.</summary>
    /// <exception cref="InvalidDataException">Nothing is left to be scored, or nothing to stand before it.</exception>
    public ScoredTokens Split(string context, string continuation)
    {
        if (context.Length == 0)
        {
            int[] alone = Plain(continuation, special: false);
            return Checked(
                alone.Length > 0 && alone[0] == PrefixToken
                    ? new ScoredTokens(alone[..1], alone[1..])
                    : new ScoredTokens([PrefixToken], alone),
                context,
                continuation
            );
        }
        string kept = PythonText.Strip(context, null, start: false);
        int[] before = Encode(kept),
            whole = Encode(context + continuation);
        return Checked(new ScoredTokens(before, whole[Math.Min(before.Length, whole.Length)..]), context, continuation);
    }

    /// <summary>Whether the tokens are those of another text, because one of them spans the joint.</summary>
    public bool LosesText(ScoredTokens tokens, string context, string continuation)
    {
        int[] whole = Encode(context + continuation);
        return context.Length > 0
            && !whole.AsSpan().SequenceEqual([.. tokens.Context, .. tokens.Continuation])
            && tokenizer.Decode([.. tokens.Context, .. tokens.Continuation]) != tokenizer.Decode(whole);
    }

    /// <summary>Windows of a text, each with at most <paramref name="maxLength"/> tokens fed; every token is scored once, the last window
    /// is filled from the left.</summary>
    public IReadOnlyList<ScoredTokens> Windows(string text, int maxLength)
    {
        int[] tokens = Encode(text);
        List<ScoredTokens> windows = [];
        for (int done = 0; done < tokens.Length; )
        {
            int scored = Math.Min(maxLength, tokens.Length - done),
                end = done + scored;
            int[] fed = done == 0 ? [PrefixToken, .. tokens[..(end - 1)]] : tokens[(end - maxLength - 1)..(end - 1)];
            windows.Add(new ScoredTokens(fed[..(fed.Length - (scored - 1))], tokens[done..end]));
            done = end;
        }
        return windows;
    }

    private static ScoredTokens Checked(ScoredTokens tokens, string context, string continuation) =>
        tokens switch
        {
            { Context.Length: 0 } => throw new InvalidDataException(
                $"the context '{Short(context)}' has no token of its own to stand before '{Short(continuation)}'; begin it with text, or leave it empty."
            ),
            { Continuation.Length: 0 } => throw new InvalidDataException(
                $"the continuation '{Short(continuation)}' melts into the last token of the context '{Short(context)}', so nothing is left to score; put a blank or a line end between them."
            ),
            _ => tokens,
        };

    private int[] Special(string text)
    {
        int[] ids = Plain(text, addBosToken ?? true);
        return addBosToken == true && tokenizer.BosId is { } bos && (ids.Length == 0 || ids[0] != bos) ? [bos, .. ids] : ids;
    }

    private int[] Plain(string text, bool special) =>
        !_oneBlank || !text.StartsWith(' ') ? tokenizer.Encode(text, special)
        : text.Length > 1 ? tokenizer.Encode(text[1..], special)
        : [.. tokenizer.Encode("", special), tokenizer.TokenToId(Blank)!.Value];

    private static string Short(string text) => (text.Length > 40 ? "…" + text[^40..] : text).Replace("\n", "⏎", StringComparison.Ordinal);
}
