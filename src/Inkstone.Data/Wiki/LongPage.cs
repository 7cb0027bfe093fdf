namespace Inkstone.Data;

/// <summary>A page of a history dump may hold more revisions than memory does: while it is being gathered, only the newest of them
/// stays.</summary>
internal static class LongPage
{
    /// <summary>The beginning of a page without its older whole revisions, of which it returns the number.</summary>
    public static (byte[] Xml, long Dropped) Shorten(ReadOnlySpan<byte> page)
    {
        ReadOnlySpan<byte> open = "<revision>"u8,
            close = "</revision>"u8;
        int first = page.IndexOf(open),
            last = page.LastIndexOf(close);
        if (first < 0 || last < first)
        {
            return (page.ToArray(), 0);
        }
        last += close.Length;
        ReadOnlySpan<byte> newest = default,
            newestTime = default;
        long count = 0;
        for (int at = first; at < last; )
        {
            int length = page[at..last].IndexOf(close) + close.Length;
            ReadOnlySpan<byte> revision = page.Slice(at, length),
                time = Time(revision);
            if (count++ == 0 || time.SequenceCompareTo(newestTime) > 0)
            {
                newest = revision;
                newestTime = time;
            }
            at += length;
        }
        return ([.. page[..first], .. newest, .. page[last..]], count - 1);
    }

    private static ReadOnlySpan<byte> Time(ReadOnlySpan<byte> revision)
    {
        int start = revision.IndexOf("<timestamp>"u8);
        return start < 0 ? default
            : revision[(start + "<timestamp>"u8.Length)..] is var rest && rest.IndexOf((byte)'<') is var end and >= 0 ? rest[..end]
            : rest;
    }
}
