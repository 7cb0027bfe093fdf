namespace Inkstone.Grammar;

public sealed partial class TokenMask
{
    /// <summary>What the automaton cannot know: tokens that would give an object a second property of the same name.</summary>
    private void RemoveDoubles(Span<ulong> mask)
    {
        if (!_names.Any)
        {
            return;
        }
        bool any = false,
            inText = true;
        for (int i = _set.Begin; i < _set.End; i++)
        {
            int frame = _set.FrameAt(i);
            inText &= _set.StateAt(i) is { FreeText: > 0 } or { IsName: true } or { Moves.Next: null };
            if (_set.StartOf(frame).IsName && _set.BeginOf(frame) >= 0)
            {
                if (!any)
                {
                    mask[.._one.Length].CopyTo(_one);
                    any = true;
                }
                _names.Doubles(_set, frame, _grammar.Vocabulary.Trie, _forbid);
            }
        }
        bool bounded = _grammar.Space.HasBoundedNames;
        if (any)
        {
            if (bounded)
            {
                _names.DeadEnds(_set, _grammar.Vocabulary.Trie, _forbid);
            }
            _one.CopyTo(mask);
        }
        Before before = new(_set.Here, _names.Length, _names.Count, IsFinished);
        foreach (int rank in bounded ? _grammar.Vocabulary.OpenQuotes : [])
        {
            byte[] bytes = _grammar.Vocabulary.Trie.Bytes[rank];
            int id = _grammar.Vocabulary.Trie.Ids[rank];
            if ((mask[id >> 6] >> id & 1) != 0 && _names.AnyBegins(bytes.AsSpan(bytes.AsSpan().LastIndexOf((byte)'"') + 1)))
            {
                if (!Take(bytes))
                {
                    mask[id >> 6] &= ~(1UL << id);
                }
                Return(before);
            }
        }
        foreach (int rank in inText ? _grammar.Vocabulary.QuotedThrice : _grammar.Vocabulary.Quoted)
        {
            int id = _grammar.Vocabulary.Trie.Ids[rank];
            if ((mask[id >> 6] >> id & 1) != 0)
            {
                if (!Take(_grammar.Vocabulary.Trie.Bytes[rank]))
                {
                    mask[id >> 6] &= ~(1UL << id);
                }
                Return(before);
            }
        }
    }

    private void Forbid(int node)
    {
        TokenTrie trie = _grammar.Vocabulary.Trie;
        for (int rank = trie.First[node]; rank < trie.First[trie.Next[node]]; rank++)
        {
            int id = trie.Ids[rank];
            _one[id >> 6] &= ~(1UL << id);
        }
    }
}
