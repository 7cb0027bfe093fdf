using System.Buffers;
using System.Text;

namespace Inkstone.Text;

/// <summary>
/// The symbols with which the characters of a word begin: the token of a character, which may wear a prefix behind the first and a suffix
/// at the
/// last; else its bytes (byte fallback); else the unknown token.
/// </summary>
internal sealed class CharacterSymbols
{
    private readonly Dictionary<int, int>[] _ids = new Dictionary<int, int>[4]; // by (is first) + 2 (is last)
    private readonly byte[] _prefix,
        _suffix;
    private readonly int[]? _fallback;

    /// <param name="ids">the vocabulary</param>
    /// <param name="prefix">continuing_subword_prefix</param>
    /// <param name="suffix">end_of_word_suffix</param>
    /// <param name="fallback">id of each byte's token, or -1; null without byte fallback</param>
    public CharacterSymbols(Dictionary<string, int> ids, string prefix, string suffix, int[]? fallback)
    {
        (_prefix, _suffix, _fallback) = (Encoding.UTF8.GetBytes(prefix), Encoding.UTF8.GetBytes(suffix), fallback);
        for (int kind = 0; kind < 4; kind++)
        {
            // Without prefix and suffix all places are alike.
            (string before, string after) = ((kind & 1) != 0 ? "" : prefix, (kind & 2) != 0 ? suffix : "");
            bool same = kind > 0 && prefix.Length == 0 && suffix.Length == 0;
            _ids[kind] = same ? _ids[0] : Characters(ids, before, after);
        }
    }

    /// <summary>The most symbols that a byte of a word can become.</summary>
    public int MostPerByte => 1 + _prefix.Length + _suffix.Length;

    /// <summary>Writes the symbols of a word and returns how many they are.</summary>
    public int Encode(ReadOnlySpan<byte> word, Span<int> symbols, int? unknown, bool fuse)
    {
        int count = 0;
        bool waiting = false; // an unknown token that is written only when another symbol than bytes follows, as Hugging Face has it
        for (int i = 0; i < word.Length; )
        {
            Rune.DecodeFromUtf8(word[i..], out Rune rune, out int size);
            bool first = i == 0,
                last = i + size == word.Length;
            ReadOnlySpan<byte> bytes = word.Slice(i, size);
            i += size;
            if (_ids[(first ? 1 : 0) | (last ? 2 : 0)].TryGetValue(rune.Value, out int id))
            {
                Flush(symbols);
                symbols[count++] = id;
            }
            else if (_fallback != null && HaveTokens(first, bytes, last))
            {
                Bytes(first ? [] : _prefix, symbols);
                Bytes(bytes, symbols);
                Bytes(last ? _suffix : [], symbols);
            }
            else if (unknown != null)
            {
                if (!fuse)
                {
                    Flush(symbols);
                }
                waiting = true;
            }
        }
        Flush(symbols);
        return count;

        void Flush(Span<int> symbols)
        {
            if (waiting)
            {
                symbols[count++] = unknown!.Value;
            }
            waiting = false;
        }

        void Bytes(ReadOnlySpan<byte> bytes, Span<int> symbols)
        {
            foreach (byte b in bytes)
            {
                symbols[count++] = _fallback![b];
            }
        }
    }

    private bool HaveTokens(bool first, ReadOnlySpan<byte> bytes, bool last)
    {
        return All(bytes) && (first || All(_prefix)) && (!last || All(_suffix));

        bool All(ReadOnlySpan<byte> bytes)
        {
            foreach (byte b in bytes)
            {
                if (_fallback![b] < 0)
                {
                    return false;
                }
            }
            return true;
        }
    }

    private static Dictionary<int, int> Characters(Dictionary<string, int> ids, string before, string after)
    {
        Dictionary<int, int> characters = new();
        foreach ((string token, int id) in ids)
        {
            if (
                token.Length > before.Length + after.Length
                && token.StartsWith(before, StringComparison.Ordinal)
                && token.EndsWith(after, StringComparison.Ordinal)
                && Rune.DecodeFromUtf16(token.AsSpan(before.Length), out Rune rune, out int size) == OperationStatus.Done
                && before.Length + size + after.Length == token.Length
            )
            {
                characters[rune.Value] = id;
            }
        }
        return characters;
    }
}
