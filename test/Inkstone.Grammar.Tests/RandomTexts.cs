using System.Numerics;

namespace Inkstone.Grammar.Tests;

/// <summary>Writes texts by choosing among the allowed tokens at random.</summary>
/// <param name="grammar">what is allowed</param>
/// <param name="endToken">ends a text</param>
/// <param name="random">draws</param>
/// <param name="hints">a text whose tokens are tried more often than others: names that must come would else hardly be hit</param>
internal sealed class RandomTexts(CompiledGrammar grammar, int endToken, Random random, string hints)
{
    private const int MostTokens = 3000;

    private readonly ulong[] _mask = new ulong[grammar.Vocabulary.MaskLength];
    private readonly int[] _hints =
    [
        .. grammar
            .Vocabulary.Tokenizer.Encode(hints, false)
            .Concat(hints.SelectMany(c => grammar.Vocabulary.Tokenizer.Encode(c.ToString(), false)))
            .Distinct(),
    ];
    private readonly int[][] _names =
    [
        .. System
            .Text.RegularExpressions.Regex.Matches(hints, "\"([^\"]*)\"")
            .Select(m => m.Groups[1].Value)
            .Distinct()
            .Select(n => grammar.Vocabulary.Tokenizer.EncodeContinuation(n, grammar.Vocabulary.Tokenizer.TokenToId("\"")!.Value)),
    ];
    private readonly int[] _closing =
    [
        .. "}]\",:0truefalsn".Select(c => grammar.Vocabulary.Tokenizer.TokenToId(c.ToString()) ?? -1).Where(id => id >= 0),
    ];

    /// <summary>One text's tokens, without the end. After <paramref name="soft"/> tokens what closes is preferred, so that texts
    /// end.</summary>
    public int[] Write(int soft)
    {
        TokenMask sequence = grammar.NewMask(endToken);
        List<int> ids = [];
        while (true)
        {
            sequence.Fill(_mask);
            if (_mask.AsSpan().IndexOfAnyExcept(0UL) < 0)
            {
                throw new InvalidOperationException(
                    $"no token is allowed after …{grammar.Vocabulary.Tokenizer.Decode(ids.ToArray().AsSpan()[^Math.Min(ids.Count, 30)..])}"
                );
            }
            int id = ids.Count < soft ? Any() : Closing(sequence);
            if (!sequence.Accept(id))
            {
                throw new InvalidOperationException(
                    $"token {id} was allowed and is not accepted after {grammar.Vocabulary.Tokenizer.Decode([.. ids])}"
                );
            }
            if (sequence.IsFinished)
            {
                return [.. ids];
            }
            ids.Add(id);
            if (ids.Count > soft && random.Next(3) == 0 && Named(sequence) is { } name)
            {
                ids.AddRange(name.Where(sequence.Accept));
            }
            if (ids.Count > MostTokens)
            {
                throw new InvalidOperationException(
                    $"no end after {MostTokens} tokens: {grammar.Vocabulary.Tokenizer.Decode([.. ids])[..400]}"
                );
            }
        }
    }

    /// <summary>A name of the schema that may stand here as a whole.</summary>
    private int[]? Named(TokenMask sequence)
    {
        int quote = grammar.Vocabulary.Tokenizer.TokenToId("\"")!.Value;
        int[][] may = [.. _names.Where(n => sequence.Clone() is var copy && n.All(copy.Accept) && copy.Accept(quote))];
        return may.Length == 0 ? null : may[random.Next(may.Length)];
    }

    private int Closing(TokenMask sequence)
    {
        if (sequence.CanEnd)
        {
            return endToken;
        }
        if (random.Next(3) == 0)
        {
            int[] hinted = [.. _hints.Where(id => (_mask[id >> 6] >> id & 1) != 0)];
            return hinted.Length > 0 ? hinted[random.Next(hinted.Length)] : Any();
        }
        // Within a string a brace is text, and its quotation mark is what closes.
        foreach (int id in May('q') && May('}') ? _closing[2..] : _closing)
        {
            if ((_mask[id >> 6] >> id & 1) != 0 && random.Next(8) > 0)
            {
                return id;
            }
        }
        return Any();
    }

    private bool May(char c) => grammar.Vocabulary.Tokenizer.TokenToId(c.ToString()) is { } id && (_mask[id >> 6] >> id & 1) != 0;

    private int Any()
    {
        int count = 0;
        foreach (ulong word in _mask)
        {
            count += BitOperations.PopCount(word);
        }
        int n = random.Next(count);
        for (int i = 0; ; i++)
        {
            int here = BitOperations.PopCount(_mask[i]);
            if (n < here)
            {
                ulong word = _mask[i];
                for (; n > 0; n--)
                {
                    word &= word - 1;
                }
                return (i << 6) + BitOperations.TrailingZeroCount(word);
            }
            n -= here;
        }
    }
}
