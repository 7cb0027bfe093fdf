using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Which experts each token goes to where its id alone decides (hash layers, arXiv:2106.04426): <c>tid2eid</c>, int32 [V,
/// k].</summary>
internal static class ExpertTable
{
    /// <summary>The table at a router's place. That of a new model is dealt out; transformers begins with zeros, which send every token to
    /// expert 0.</summary>
    public static Tensor At(Scope scope, SparseExpertsSettings s)
    {
        Tensor table = scope.Integers("tid2eid", new Shape(s.HashedVocabulary, s.Rule.TopK));
        if (scope.IsNew)
        {
            table.CopyFrom(Dealt(s.HashedVocabulary, s.Rule.TopK, s.Experts, new PhiloxRandom(0, StableHash.Compute(scope.Path))));
            return table;
        }
        int[] row = new int[s.Rule.TopK];
        for (int id = 0; id < s.HashedVocabulary && !scope.IsDescribed; id++)
        {
            table.CopyTo(row, (long)id * row.Length);
            if (Array.FindIndex(row, expert => (uint)expert >= (uint)s.Experts) is >= 0 and var wrong)
            {
                scope.Fault($"{scope.Path}.tid2eid sends token {id} to expert {row[wrong]} of {s.Experts}");
                break;
            }
        }
        return table;
    }

    /// <summary>
    /// <paramref name="choices"/> different experts for each token: shuffled decks of all experts are dealt out one after the other, so
    /// that any run of ids, frequent or rare, uses all experts alike.
    /// </summary>
    public static int[] Dealt(int tokens, int choices, int experts, PhiloxRandom random)
    {
        int[] dealt = new int[checked(tokens * choices)],
            deck = [.. Enumerable.Range(0, experts)];
        ulong draws = 0;
        int next = experts;
        for (int token = 0; token < tokens; token++)
        {
            Span<int> hand = dealt.AsSpan(token * choices, choices);
            for (int j = 0; j < choices; j++)
            {
                if (next == experts)
                {
                    for (int i = experts - 1; i > 0; i--)
                    {
                        int other = (int)(random.Uniform(draws++) * (i + 1));
                        (deck[i], deck[Math.Min(other, i)]) = (deck[Math.Min(other, i)], deck[i]);
                    }
                    next = 0;
                }
                // Behind a new deck a hand may hold its first card already: the next one that it does not hold goes first.
                int free = next;
                while (hand[..j].Contains(deck[free]))
                {
                    free++;
                }
                (deck[next], deck[free]) = (deck[free], deck[next]);
                hand[j] = deck[next++];
            }
        }
        return dealt;
    }
}
