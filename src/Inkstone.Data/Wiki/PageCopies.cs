using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Inkstone.Data;

/// <summary>
/// Finds pages that a dump, or dumps after one another, hold more than once, and keeps the copy with the newest revision. Memory is a bit
/// for each page; lines are read
/// again only where there are such pages.
/// </summary>
internal sealed class PageCopies
{
    private const int BlockBits = 1 << 16;
    private readonly Dictionary<long, ulong[]> _seen = [];
    private readonly HashSet<long> _repeated = [];

    /// <summary>Notes a page.</summary>
    public void Add(long id)
    {
        if (!_seen.TryGetValue(id / BlockBits, out ulong[]? block))
        {
            _seen.Add(id / BlockBits, block = new ulong[BlockBits / 64]);
        }
        int bit = (int)(id % BlockBits);
        if ((block[bit / 64] & 1UL << bit) != 0)
        {
            _repeated.Add(id);
        }
        block[bit / 64] |= 1UL << bit;
    }

    /// <summary>Takes older copies out of the file of pages and notes them in that of pages left out; returns how many there were, and the
    /// bytes of their texts.</summary>
    public (long Copies, long TextBytes) Resolve(string pages, string leftOut)
    {
        if (_repeated.Count == 0)
        {
            return (0, 0);
        }
        Dictionary<long, long> newest = [];
        foreach (string line in File.ReadLines(leftOut).Skip(1))
        {
            string[] cells = line.Split('\t', 3);
            Note(newest, long.Parse(cells[0], CultureInfo.InvariantCulture), long.Parse(cells[1], CultureInfo.InvariantCulture));
        }
        foreach (string line in File.ReadLines(pages))
        {
            (long id, long revision) = Read(line);
            Note(newest, id, revision);
        }
        string kept = pages + ".kept";
        (long copies, long bytes) = (0, 0);
        HashSet<long> written = [];
        using (StreamWriter to = new(kept, append: false, new UTF8Encoding(false), 1 << 16) { NewLine = "\n" })
        using (StreamWriter others = new(leftOut, append: true, new UTF8Encoding(false)) { NewLine = "\n" })
        {
            foreach (string line in File.ReadLines(pages))
            {
                (long id, long revision) = Read(line);
                if (!_repeated.Contains(id) || revision == newest[id] && written.Add(id))
                {
                    to.WriteLine(line);
                    continue;
                }
                using JsonDocument record = JsonDocument.Parse(line);
                copies++;
                bytes += Encoding.UTF8.GetByteCount(record.RootElement.GetProperty("text"u8).GetString()!);
                others.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{id}\t{revision}\tolder copy\t{record.RootElement.GetProperty("title"u8).GetString()}\t"
                    )
                );
            }
        }
        File.Move(kept, pages, overwrite: true);
        return (copies, bytes);
    }

    private void Note(Dictionary<long, long> newest, long id, long revision)
    {
        if (_repeated.Contains(id))
        {
            newest[id] = Math.Max(revision, newest.GetValueOrDefault(id));
        }
    }

    private static (long Id, long Revision) Read(string line)
    {
        Utf8JsonReader json = new(Encoding.UTF8.GetBytes(line));
        long id = 0;
        while (json.Read())
        {
            if (json.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }
            bool isId = json.ValueTextEquals("id"u8),
                isRevision = json.ValueTextEquals("revision"u8);
            json.Read();
            if (isId)
            {
                id = json.GetInt64();
            }
            if (isRevision)
            {
                return (id, json.GetInt64());
            }
        }
        return (id, 0);
    }
}
