using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// Puts rows together from the columns of one row group (Dremel's record assembly, Melnik et al. 2010, section 4.3): groups become
/// objects, lists arrays, maps objects; what is absent is null.
/// </summary>
internal sealed class RowReader(SchemaNode[] fields, ColumnCursor?[] columns)
{
    private const int MostElements = 1 << 24;
    private int _elements;

    /// <summary>Whether no column has a further row.</summary>
    public bool IsAtEnd => Array.TrueForAll(columns, c => c is null or { IsAtEnd: true });

    /// <summary>The next row.</summary>
    /// <exception cref="InvalidDataException">The columns contradict each other.</exception>
    public JsonObject Read()
    {
        _elements = 0;
        JsonObject row = new();
        foreach (SchemaNode field in fields)
        {
            for (int i = field.FirstColumn; i < field.FirstColumn + field.ColumnCount; i++)
            {
                if (columns[i]!.IsAtEnd)
                {
                    throw columns[i]!.Fault("it holds fewer rows than the others of its row group");
                }
                if (columns[i]!.Repetition != 0)
                {
                    throw columns[i]!.Fault("a row begins in the middle of a list");
                }
            }
            row[field.Name] = Read(field);
        }
        return row;
    }

    private JsonNode? Read(SchemaNode node) =>
        node.Element.Repetition switch
        {
            Repetition.Repeated => Elements(node, Content),
            Repetition.Optional when IsAbsent(node) => null,
            _ => Content(node),
        };

    private JsonNode? Content(SchemaNode node)
    {
        if (node.IsColumn)
        {
            ColumnCursor column = columns[node.FirstColumn]!;
            if (column.Definition != node.MaxDefinition)
            {
                throw column.Fault("its levels contradict each other");
            }
            JsonNode? value = column.Value();
            column.Advance();
            return value;
        }
        if (node.Children is [{ Element.Repetition: Repetition.Repeated } repeated])
        {
            switch (node.Element.Annotation)
            {
                case Annotation.List:
                    return Elements(repeated, IsElementItself(repeated, node) ? Content : Only);
                case Annotation.Map when repeated.Children.Length is 1 or 2:
                    return Pairs(repeated);
            }
        }
        JsonObject group = new();
        foreach (SchemaNode child in node.Children)
        {
            group[child.Name] = Read(child);
        }
        return group;
    }

    private JsonNode? Only(SchemaNode repeated) => Read(repeated.Children[0]);

    /// <summary>Older writers left out the middle one of a list's three levels (LogicalTypes.md, backward compatibility).</summary>
    private static bool IsElementItself(SchemaNode repeated, SchemaNode list) =>
        repeated.Children.Length != 1
        || repeated.Children[0].Element.Repetition == Repetition.Repeated
        || repeated.Name == "array"
        || repeated.Name == list.Name + "_tuple";

    private JsonArray Elements(SchemaNode repeated, Func<SchemaNode, JsonNode?> read)
    {
        JsonArray list = new();
        if (IsAbsent(repeated))
        {
            return list;
        }
        do
        {
            CountElement(repeated);
            list.Add(read(repeated));
        } while (Continues(repeated));
        return list;
    }

    private JsonObject Pairs(SchemaNode repeated)
    {
        JsonObject map = new();
        if (IsAbsent(repeated))
        {
            return map;
        }
        do
        {
            CountElement(repeated);
            JsonNode? key = Read(repeated.Children[0]);
            string name = key is JsonValue value && value.TryGetValue(out string? text) ? text : key?.ToJsonString() ?? "";
            map[name] = repeated.Children.Length == 2 ? Read(repeated.Children[1]) : null;
        } while (Continues(repeated));
        return map;
    }

    /// <summary>Whether the list has one more element, on which all columns below it must agree.</summary>
    private bool Continues(SchemaNode repeated)
    {
        bool continues = columns[repeated.FirstColumn]!.Repetition == repeated.MaxRepetition;
        for (int i = repeated.FirstColumn + 1; i < repeated.FirstColumn + repeated.ColumnCount; i++)
        {
            if (columns[i]!.Repetition == repeated.MaxRepetition != continues)
            {
                throw columns[i]!.Fault("its lists have other lengths than those of its neighbours");
            }
        }
        return continues;
    }

    /// <summary>Whether the node is null or empty here, on which all columns below it must agree; they go on if so.</summary>
    private bool IsAbsent(SchemaNode node)
    {
        if (columns[node.FirstColumn]!.Definition >= node.MaxDefinition)
        {
            return false;
        }
        for (int i = node.FirstColumn; i < node.FirstColumn + node.ColumnCount; i++)
        {
            if (columns[i]!.Definition != node.MaxDefinition - 1)
            {
                throw columns[i]!.Fault("its levels contradict each other");
            }
            columns[i]!.Advance();
        }
        return true;
    }

    private void CountElement(SchemaNode repeated)
    {
        if (++_elements > MostElements)
        {
            throw columns[repeated.FirstColumn]!.Fault($"a row has more than {MostElements} list elements");
        }
    }
}
