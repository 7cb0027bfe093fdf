namespace Inkstone.Data;

/// <summary>A column or group of a file's schema. Levels are those of Dremel (Melnik et al. 2010, section 4.1).</summary>
internal sealed class SchemaNode
{
    private const int DeepestNesting = 48;

    private SchemaNode(SchemaElement element, string path, SchemaNode? parent)
    {
        (Element, Path) = (element, path);
        MaxDefinition = (parent?.MaxDefinition ?? 0) + (parent is null || element.Repetition == Repetition.Required ? 0 : 1);
        MaxRepetition = (parent?.MaxRepetition ?? 0) + (parent is not null && element.Repetition == Repetition.Repeated ? 1 : 0);
    }

    public SchemaElement Element { get; }

    public string Name => Element.Name;

    /// <summary>Names from the outermost field, with dots.</summary>
    public string Path { get; }

    public SchemaNode[] Children { get; private set; } = [];

    /// <summary>The definition level at which the node itself is there.</summary>
    public int MaxDefinition { get; }

    /// <summary>Repeated nodes from the outermost to this one.</summary>
    public int MaxRepetition { get; }

    /// <summary>Number of the first column below this node, or of the column that it is.</summary>
    public int FirstColumn { get; private set; }

    public int ColumnCount { get; private set; } = 1;

    public bool IsColumn => Element.Type is not null;

    /// <summary>Builds the tree of the flattened schema; the root stands for a row.</summary>
    /// <exception cref="FormatException">The elements are no tree.</exception>
    public static SchemaNode Build(SchemaElement[] elements)
    {
        int next = 0,
            columns = 0;
        if (elements.Length == 0 || elements[0].Type is not null)
        {
            throw new FormatException("its schema has no root");
        }
        SchemaNode root = Build(elements, null, ref next, ref columns, 0);
        return next == elements.Length ? root : throw new FormatException($"its schema has {elements.Length} elements and uses {next}");
    }

    /// <summary>Columns in the order of the file.</summary>
    public IEnumerable<SchemaNode> Columns() => IsColumn ? [this] : Children.SelectMany(c => c.Columns());

    private static SchemaNode Build(SchemaElement[] elements, SchemaNode? parent, ref int next, ref int columns, int depth)
    {
        if (next >= elements.Length)
        {
            throw new FormatException("its schema is cut off");
        }
        if (depth > DeepestNesting)
        {
            throw new FormatException($"its schema is nested more than {DeepestNesting} levels deep");
        }
        SchemaElement element = elements[next++];
        string path =
            parent is null ? ""
            : parent.Path.Length == 0 ? element.Name
            : $"{parent.Path}.{element.Name}";
        SchemaNode node = new SchemaNode(element, path, parent) { FirstColumn = columns };
        if (node.IsColumn)
        {
            if (element.Children > 0)
            {
                throw new FormatException($"its column '{path}' has columns below it");
            }
            if (element.Type == PhysicalType.FixedLengthByteArray && element.TypeLength <= 0)
            {
                throw new FormatException($"its column '{path}' has values of {element.TypeLength} bytes");
            }
            columns++;
            return node;
        }
        if (element.Children < 0 || element.Children > elements.Length - next || (element.Children == 0 && parent is not null))
        {
            throw new FormatException($"its group '{path}' has {element.Children} columns");
        }
        node.Children = new SchemaNode[element.Children];
        for (int i = 0; i < node.Children.Length; i++)
        {
            node.Children[i] = Build(elements, node, ref next, ref columns, depth + 1);
        }
        node.ColumnCount = columns - node.FirstColumn;
        return node;
    }
}
