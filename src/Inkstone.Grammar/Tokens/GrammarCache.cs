namespace Inkstone.Grammar;

/// <summary>Compiled grammars of one vocabulary by what was asked for, so that a schema that comes with each request is compiled once. For
/// several threads at once.</summary>
/// <param name="vocabulary">the tokens</param>
/// <param name="capacity">most grammars kept; the one not asked for the longest goes first</param>
/// <param name="bytesEach">most bytes of kept masks of each</param>
public sealed class GrammarCache(TokenVocabulary vocabulary, int capacity = 64, long bytesEach = 32L << 20)
{
    private readonly Dictionary<string, LinkedListNode<(string Key, Lazy<CompiledGrammar> Grammar)>> _byKey = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Key, Lazy<CompiledGrammar> Grammar)> _newestFirst = [];

    /// <summary>The grammar of a key, compiled where it is not there yet.</summary>
    /// <param name="key">what it was made from, such as the text of a schema with a word for its kind before it</param>
    /// <param name="make">makes it</param>
    /// <exception cref="GrammarException">it cannot be held; nothing is kept then</exception>
    public CompiledGrammar Get(string key, Func<TextGrammar> make)
    {
        Lazy<CompiledGrammar> grammar;
        lock (_byKey)
        {
            if (_byKey.TryGetValue(key, out LinkedListNode<(string, Lazy<CompiledGrammar> Grammar)>? node))
            {
                _newestFirst.Remove(node);
            }
            else
            {
                node = new((key, new Lazy<CompiledGrammar>(() => new CompiledGrammar(make(), vocabulary, bytesEach))));
                _byKey[key] = node;
            }
            _newestFirst.AddFirst(node);
            if (_byKey.Count > capacity)
            {
                _ = _byKey.Remove(_newestFirst.Last!.Value.Key);
                _newestFirst.RemoveLast();
            }
            grammar = node.Value.Grammar;
        }
        try
        {
            return grammar.Value; // others may wait for it, but not for the whole cache
        }
        catch
        {
            lock (_byKey)
            {
                if (_byKey.Remove(key, out LinkedListNode<(string, Lazy<CompiledGrammar>)>? node))
                {
                    _newestFirst.Remove(node);
                }
            }
            throw;
        }
    }
}
