namespace Inkstone.Data;

/// <summary>Connected components of rows, 4 bytes for each row; the first row of a component stands for it.</summary>
internal sealed class Clusters(long rows)
{
    private readonly uint[] _parents = Numbers(rows);

    /// <summary>Joins the components of two rows.</summary>
    public void Join(uint a, uint b)
    {
        (a, b) = (First(a), First(b));
        if (a < b)
        {
            _parents[b] = a;
        }
        else
        {
            _parents[a] = b;
        }
    }

    /// <summary>The first row of a row's component.</summary>
    public uint First(uint row)
    {
        while (_parents[row] != row)
        {
            row = _parents[row] = _parents[_parents[row]];
        }
        return row;
    }

    /// <summary>Components of two rows and more, by their first row, each in ascending order.</summary>
    public IEnumerable<List<uint>> All()
    {
        Dictionary<uint, List<uint>> members = new();
        for (uint row = 0; row < _parents.Length; row++)
        {
            uint first = First(row);
            if (first == row)
            {
                continue;
            }
            if (!members.TryGetValue(first, out List<uint>? list))
            {
                members[first] = list = [first];
            }
            list.Add(row);
        }
        return members.OrderBy(m => m.Key).Select(m => m.Value);
    }

    private static uint[] Numbers(long count)
    {
        uint[] numbers = new uint[count];
        for (uint i = 0; i < numbers.Length; i++)
        {
            numbers[i] = i;
        }
        return numbers;
    }
}
