using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Inkstone.Files;

namespace Inkstone.Text;

public sealed partial class Tokenizer
{
    /// <summary>Ids of a text; with <paramref name="addSpecialTokens"/> those that the post-processor adds, too.</summary>
    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        List<int> ids = new((text.Length / 2) + 8);
        Encode(text.AsSpan(), addSpecialTokens, ids);
        return [.. ids];
    }

    /// <summary>Appends the ids of a text.</summary>
    public void Encode(ReadOnlySpan<char> text, bool addSpecialTokens, List<int> ids)
    {
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            int length = Encoding.UTF8.GetBytes(text, utf8);
            EncodeValid(utf8.AsSpan(0, length), addSpecialTokens, PiecePlace.First, ids);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    /// <summary>Appends the ids of a text in UTF-8, the fast way in; ill-formed sequences count as U+FFFD.</summary>
    public void Encode(ReadOnlySpan<byte> utf8, bool addSpecialTokens, List<int> ids) =>
        EncodeValid(
            Utf8.IsValid(utf8) ? utf8 : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8)),
            addSpecialTokens,
            PiecePlace.First,
            ids
        );

    /// <summary>
    /// Ids of a text that goes on behind the token <paramref name="last"/>: nothing is put before it as before a text of its own, and none
    /// of its tokens
    /// reaches back. Behind an added token a text begins anew, as it does within a whole text.
    /// </summary>
    public int[] EncodeContinuation(string text, int last)
    {
        List<int> ids = new((text.Length / 2) + 8);
        EncodeValid(Encoding.UTF8.GetBytes(text), addSpecialTokens: false, IsAdded(last) ? PiecePlace.Inside : PiecePlace.Continuing, ids);
        return [.. ids];
    }

    /// <summary>How a text is cut: its words in order, and the merges of each. Their ids together are those of
    /// <see cref="Encode(string, bool)"/>.</summary>
    public IReadOnlyList<TokenizedWord> Explain(string text, bool addSpecialTokens = true)
    {
        List<TokenizedWord> words = [];
        EncodeValid(Encoding.UTF8.GetBytes(text), addSpecialTokens: false, PiecePlace.First, [], new EncodeScratch { Trace = words });
        return addSpecialTokens ? [.. _prefix.Select(Around), .. words, .. _suffix.Select(Around)] : words;

        TokenizedWord Around(int id) => new(TokenBytes(id).ToArray(), TokenOrigin.Around, [id], [id], []);
    }

    private ReadOnlySpan<byte> Normalized(ReadOnlySpan<byte> text) => _parts.Normalizer == null ? text : _parts.Normalizer.Apply(text);

    private void EncodeValid(ReadOnlySpan<byte> text, bool addSpecialTokens, PiecePlace place, List<int> ids, EncodeScratch? traced = null)
    {
        if (addSpecialTokens)
        {
            ids.AddRange(_prefix);
        }
        EncodeScratch? scratch = traced;
        if (scratch is null && !_scratch.TryTake(out scratch))
        {
            scratch = new EncodeScratch();
        }
        int at = 0,
            resume = 0;
        while (_added.Find(text, resume, at, out int start, out int end, out resume) is { } token)
        {
            EncodePlain(text[Math.Min(at, start)..start], at == 0 ? place : PiecePlace.Inside, scratch, ids);
            ids.Add(token.Id);
            scratch.Trace?.Add(new TokenizedWord(text[start..end].ToArray(), TokenOrigin.Added, [token.Id], [token.Id], []));
            at = end;
        }
        EncodePlain(text[at..], at == 0 ? place : PiecePlace.Inside, scratch, ids);
        if (traced is null)
        {
            _scratch.Add(scratch);
        }
        if (addSpecialTokens)
        {
            ids.AddRange(_suffix);
        }
    }

    /// <summary>Text without added tokens: normalize it, and look for those that match normalized text.</summary>
    private void EncodePlain(ReadOnlySpan<byte> text, PiecePlace place, EncodeScratch scratch, List<int> ids)
    {
        text =
            place != PiecePlace.Continuing ? Normalized(text)
            : _continuing == null ? text
            : _continuing.Apply(text);
        int at = 0,
            resume = 0;
        while (_addedNormalized.Find(text, resume, at, out int start, out int end, out resume) is { } token)
        {
            EncodeWords(text[Math.Min(at, start)..start], at == 0 ? place : PiecePlace.Inside, scratch, ids);
            ids.Add(token.Id);
            scratch.Trace?.Add(new TokenizedWord(text[start..end].ToArray(), TokenOrigin.Added, [token.Id], [token.Id], []));
            at = end;
        }
        EncodeWords(text[at..], at == 0 ? place : PiecePlace.Inside, scratch, ids);
    }

    private void EncodeWords(ReadOnlySpan<byte> text, PiecePlace place, EncodeScratch scratch, List<int> ids)
    {
        if (text.IsEmpty)
        {
            return;
        }
        PreTokenizer steps = _parts.PreTokenizer;
        BpeModel model = _parts.Model.Bpe;
        if (steps.AddPrefixSpace && place != PiecePlace.Continuing && text[0] != ' ')
        {
            text = (byte[])[(byte)' ', .. text];
        }
        if (steps.OnlyScanner is { } scanner)
        {
            for (int i = 0; i < text.Length; )
            {
                int end = scanner.Next(text, i);
                model.Encode(text[i..end], scratch, ids);
                i = end;
            }
        }
        else if (!steps.HasSteps)
        {
            model.Encode(text, scratch, ids);
        }
        else
        {
            foreach (Piece piece in steps.Split(text, place))
            {
                model.Encode(piece.Text.Span, scratch, ids);
            }
        }
    }
}
