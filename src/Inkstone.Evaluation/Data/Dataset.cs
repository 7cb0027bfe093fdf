using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A split of a data set: rows that all have the same columns.</summary>
/// <param name="Columns">names of the columns</param>
/// <param name="Rows">one dict for each row, with the columns in order</param>
internal sealed record Dataset(IReadOnlyList<string> Columns, IReadOnlyList<DictValue> Rows)
{
    /// <summary>Rows as a table holds them: every row has every key, an int is a float where another row has one, lists and maps
    /// likewise.</summary>
    public static Dataset FromRows(IReadOnlyList<Value> rows)
    {
        Column table = new();
        foreach (Value row in rows)
        {
            table.Add(row);
        }
        return new Dataset([.. table.Keys], [.. rows.Select(row => (DictValue)table.Shaped(row))]);
    }

    /// <summary>What is known of the values of one column, or of one part of it.</summary>
    private sealed class Column
    {
        private readonly OrderedDictionary<string, Column> _members = new(StringComparer.Ordinal);
        private Column? _elements;
        private bool _real,
            _whole;

        public IEnumerable<string> Keys => _members.Keys;

        public void Add(Value value)
        {
            switch (value)
            {
                case DictValue dict:
                    foreach ((Value key, Value member) in dict.Entries)
                    {
                        if (!_members.TryGetValue(key.Text, out Column? column))
                        {
                            _members[key.Text] = column = new Column();
                        }
                        column.Add(member);
                    }
                    break;
                case SequenceValue row:
                    _elements ??= new Column();
                    foreach (Value element in row.Elements)
                    {
                        _elements.Add(element);
                    }
                    break;
                case FloatValue:
                    _real = true;
                    break;
                case IntValue:
                    _whole = true;
                    break;
            }
        }

        public Value Shaped(Value value) =>
            value switch
            {
                DictValue dict => DictValue.FromPairs(
                    _members.Select(m =>
                        KeyValuePair.Create(m.Key, m.Value.Shaped(dict.Entries.GetValueOrDefault(new StringValue(m.Key)) ?? NoneValue.None))
                    )
                ),
                SequenceValue row => new ListValue([.. row.Elements.Select(_elements!.Shaped)]),
                IntValue whole when _real && _whole => new FloatValue((double)whole.Number),
                _ => value,
            };
    }
}
