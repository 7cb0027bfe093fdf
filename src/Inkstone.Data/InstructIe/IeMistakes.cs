namespace Inkstone.Data;

/// <summary>The mistakes that an answer to be mended can have.</summary>
internal enum IePerturbation
{
    /// <summary>A field's name is misspelt.</summary>
    Misspelt,

    /// <summary>A field is left out.</summary>
    Dropped,

    /// <summary>A field is there that the text does not tell.</summary>
    Invented,

    /// <summary>A field has a value too many.</summary>
    ExtraValue,
}

/// <summary>Answers with one mistake. Each kind works on every answer of two fields or more, and the draw alone chooses between
/// them.</summary>
internal static class IeMistakes
{
    /// <summary>Names of the kinds as files write them.</summary>
    public static readonly string[] Names = ["misspelt", "dropped", "invented", "extra_value"];

    /// <summary>The kind that a draw takes.</summary>
    public static IePerturbation Kind(ulong draw) => (IePerturbation)(draw % 4);

    /// <summary>An answer with a mistake; never the answer itself.</summary>
    /// <param name="relations">the right answer</param>
    /// <param name="schema">fields of the topic</param>
    /// <param name="kind">the mistake</param>
    /// <param name="draw">decides where it stands</param>
    public static string Make(IReadOnlyList<IeRelation> relations, IReadOnlyList<string> schema, IePerturbation kind, ulong draw)
    {
        OrderedDictionary<string, OrderedDictionary<string, List<string>>> answer = IeTexts.Answer(relations);
        (string Entity, string Field)[] places = [.. answer.SelectMany(e => e.Value.Select(f => (e.Key, f.Key)))];
        (string entity, string field) = places[(int)(draw / 4 % (ulong)places.Length)];
        OrderedDictionary<string, List<string>> fields = answer[entity];
        switch (kind)
        {
            case IePerturbation.Misspelt:
                fields.SetAt(fields.IndexOf(field), Misspell(field, schema, fields), fields[field]);
                break;
            case IePerturbation.Dropped:
                fields.Remove(field);
                if (fields.Count == 0)
                {
                    answer.Remove(entity);
                }
                break;
            case IePerturbation.Invented:
                string[] free = [.. schema.Where(f => !fields.ContainsKey(f))];
                fields.Add(
                    free.Length > 0 ? free[(int)(draw / 4 % (ulong)free.Length)] : "备注",
                    [Other(answer, fields[field], entity, draw)]
                );
                break;
            default:
                fields[field].Add(Other(answer, fields[field], entity, draw));
                break;
        }
        return IeTexts.Json(answer);
    }

    /// <summary>Two neighbouring letters change places, or one is written twice, so that no field has the name.</summary>
    private static string Misspell(string field, IReadOnlyList<string> schema, OrderedDictionary<string, List<string>> fields)
    {
        for (int i = field.Length - 2; i >= 0; i--)
        {
            string swapped = string.Concat(field.AsSpan(0, i), field.AsSpan(i + 1, 1), field.AsSpan(i, 1), field.AsSpan(i + 2));
            if (swapped != field && !schema.Contains(swapped) && !fields.ContainsKey(swapped))
            {
                return swapped;
            }
        }
        string twice = field;
        do
        {
            twice += twice[^1];
        } while (schema.Contains(twice) || fields.ContainsKey(twice));
        return twice;
    }

    /// <summary>A value of the answer that is none of these, else the entity's name, else what nobody said.</summary>
    private static string Other(
        OrderedDictionary<string, OrderedDictionary<string, List<string>>> answer,
        List<string> not,
        string entity,
        ulong draw
    )
    {
        string[] others =
        [
            .. answer.Values.SelectMany(f => f.Values).SelectMany(v => v).Append(entity).Where(v => !not.Contains(v)).Distinct(),
        ];
        return others.Length > 0 ? others[(int)(draw / 64 % (ulong)others.Length)] : "不详";
    }
}
