namespace Inkstone.Jinja;

/// <summary>Filters on whole rows of values.</summary>
internal static class SequenceFilters
{
    public static readonly BuiltinTable Table = new()
    {
        {
            "length count",
            "",
            (_, v, _) => new IntValue(v.Count ?? throw new TemplateFault($"object of type '{v.TypeName}' has no len()"))
        },
        { "default d", "default_value='' boolean=false", (_, v, a) => v is UndefinedValue || (a.IsTrue(1) && !v.IsTrue) ? a[0] : v },
        { "list", "", (run, v, _) => new ListValue([.. run.Iterate(v)]) },
        { "first", "", (run, v, _) => run.Iterate(v).FirstOrDefault() ?? new UndefinedValue("No first item, sequence was empty") },
        { "last", "", (run, v, _) => Reversed(run, v).FirstOrDefault() ?? new UndefinedValue("No last item, sequence was empty") },
        { "reverse", "", Reverse },
        { "items", "", (_, v, _) => IteratorValue.Generator(Items(v)) },
        { "dictsort", "case_sensitive=false by='key' reverse=false", DictSort },
        { "sort", "reverse=false case_sensitive=false attribute=none", Sort },
        { "unique", "case_sensitive=false attribute=none", (run, v, a) => IteratorValue.Generator(Unique(run, v, Key(a[1], a.IsTrue(0)))) },
        { "min", "case_sensitive=false attribute=none", (run, v, a) => Most(run, v, Key(a[1], a.IsTrue(0)), "<") },
        { "max", "case_sensitive=false attribute=none", (run, v, a) => Most(run, v, Key(a[1], a.IsTrue(0)), ">") },
        { "sum", "attribute=none start=0", Sum },
        { "batch", "linecount fill_with=none", (run, v, a) => IteratorValue.Generator(Batches(run, v, a.Int(0), a[1])) },
        { "slice", "slices fill_with=none", (run, v, a) => IteratorValue.Generator(Slices([.. run.Iterate(v)], a.Int(0), a[1])) },
        { "groupby", "attribute default=none case_sensitive=false", GroupBy },
    };

    /// <summary>reversed(value) of what has an order from its end.</summary>
    private static IEnumerable<Value> Reversed(Interpreter run, Value value) =>
        value is UndefinedValue or StringValue or SequenceValue or RangeValue or DictValue or DictView
            ? run.Iterate(value).Reverse()
            : throw new TemplateFault($"'{value.TypeName}' object is not reversible");

    private static Value Reverse(Interpreter run, Value value, Arguments a) =>
        value switch
        {
            StringValue text => text.With(string.Concat(CodePoints.Each(text.Content).Reverse())),
            UndefinedValue or SequenceValue or RangeValue or DictValue or DictView => new IteratorValue("reversed", Reversed(run, value)),
            _ => new ListValue([.. run.Iterate(value).Reverse()]),
        };

    private static IEnumerable<Value> Items(Value value)
    {
        IEnumerable<Value> items =
            value is UndefinedValue ? []
            : value is DictValue dict ? ContainerMethods.Items(dict).Items
            : throw new TemplateFault("Can only get item pairs from a mapping");
        foreach (Value item in items)
        {
            yield return item;
        }
    }

    private static Func<Value, Value> Key(Value attribute, bool caseSensitive)
    {
        AttributePath path = AttributePath.Parse(attribute);
        return value => caseSensitive ? path.Follow(value) : AttributePath.IgnoreCase(path.Follow(value));
    }

    private static ListValue DictSort(Interpreter run, Value value, Arguments a)
    {
        int part = a[1].Text switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw new TemplateFault("dictsort can sort only by \"key\" or \"value\""),
        };
        DictValue dict =
            value as DictValue
            ?? throw (
                value is UndefinedValue undefined
                    ? undefined.Fault
                    : new TemplateFault($"'{value.TypeName}' object has no attribute 'items'")
            );
        bool caseSensitive = a.IsTrue(0);
        return new ListValue(
            Comparison.Sort(
                ContainerMethods.Items(dict).Items,
                pair => ((TupleValue)pair).Elements[part] is var v && caseSensitive ? v : AttributePath.IgnoreCase(v),
                a.IsTrue(2)
            )
        );
    }

    private static ListValue Sort(Interpreter run, Value value, Arguments a)
    {
        Value[] attributes = a[2] is StringValue several ? [.. several.Content.Split(',').Select(p => new StringValue(p))] : [a[2]];
        Func<Value, Value>[] keys = [.. attributes.Select(p => Key(p, a.IsTrue(1)))];
        return new ListValue(Comparison.Sort(run.Iterate(value), v => new ListValue([.. keys.Select(k => k(v))]), a.IsTrue(0)));
    }

    private static IEnumerable<Value> Unique(Interpreter run, Value value, Func<Value, Value> key)
    {
        HashSet<Value> seen = [];
        foreach (Value item in run.Iterate(value))
        {
            if (seen.Add(key(item)))
            {
                yield return item;
            }
        }
    }

    private static Value Most(Interpreter run, Value value, Func<Value, Value> key, string op)
    {
        Value? most = null,
            mostKey = null;
        foreach (Value item in run.Iterate(value))
        {
            Value itemKey = key(item);
            if (most is null || Comparison.Apply(op, itemKey, mostKey!))
            {
                (most, mostKey) = (item, itemKey);
            }
        }
        return most ?? new UndefinedValue("No aggregated item, sequence was empty");
    }

    private static Value Sum(Interpreter run, Value value, Arguments a)
    {
        if (a[1] is StringValue)
        {
            throw new TemplateFault("sum() can't sum strings; use join instead");
        }
        AttributePath path = AttributePath.Parse(a[0]);
        return run.Iterate(value).Aggregate(a[1], (sum, item) => Arithmetic.Apply("+", sum, path.Follow(item)));
    }

    private static IEnumerable<Value> Batches(Interpreter run, Value value, int size, Value filling)
    {
        List<Value> batch = [];
        foreach (Value item in run.Iterate(value))
        {
            if (batch.Count == size)
            {
                yield return new ListValue(batch);
                batch = [];
            }
            batch.Add(item);
        }
        if (batch.Count > 0)
        {
            if (size > SequenceValue.MaxLength)
            {
                throw new TemplateFault($"batches of {size} are larger than a template may make, {SequenceValue.MaxLength}");
            }
            yield return new ListValue(
                filling is NoneValue || batch.Count >= size ? batch : [.. batch, .. Enumerable.Repeat(filling, size - batch.Count)]
            );
        }
    }

    private static IEnumerable<Value> Slices(Value[] items, int slices, Value filling)
    {
        if (slices == 0)
        {
            throw new TemplateFault("integer division or modulo by zero");
        }
        int each = items.Length / slices,
            longer = items.Length % slices,
            at = 0;
        for (int i = 0; i < slices; i++)
        {
            int size = each + (i < longer ? 1 : 0);
            IEnumerable<Value> slice = items.Skip(at).Take(size);
            yield return new ListValue(i >= longer && filling is not NoneValue ? [.. slice, filling] : [.. slice]);
            at += size;
        }
    }

    private static ListValue GroupBy(Interpreter run, Value value, Arguments a)
    {
        AttributePath path = AttributePath.Parse(a[0]);
        Value? otherwise = a.Has(1) ? a[1] : null;
        bool caseSensitive = a.IsTrue(2);
        List<(Value Key, List<Value> Items)> groups = [];
        foreach (Value item in Comparison.Sort(run.Iterate(value), Key, reverse: false))
        {
            if (groups.Count == 0 || !Key(groups[^1].Items[0]).Equals(Key(item)))
            {
                groups.Add((path.Follow(item, otherwise), []));
            }
            groups[^1].Items.Add(item);
        }
        return new ListValue([.. groups.Select(g => new TupleValue([g.Key, new ListValue(g.Items)], ["grouper", "list"]))]);

        Value Key(Value item) => path.Follow(item, otherwise) is var key && caseSensitive ? key : AttributePath.IgnoreCase(key);
    }
}
