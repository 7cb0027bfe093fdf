using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.BZip2;

namespace Inkstone.Data;

/// <summary>
/// Cuts a bz2 file into its streams, each of which can be unpacked by itself: <c>BZh</c>, the block size, and the sign of a first block or
/// of an empty stream, which
/// together do not occur in packed data by chance (80 bits).
/// </summary>
internal static class BzipStreams
{
    private const int HeadLength = 10;
    private static readonly byte[] Block = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
        Empty = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];

    /// <summary>Where the next stream begins at or behind a place, or -1.</summary>
    public static int Next(ReadOnlySpan<byte> bytes, int from)
    {
        for (int at = from; at + HeadLength <= bytes.Length; at++)
        {
            int step = bytes[at..].IndexOf("BZh"u8);
            if (step < 0 || (at += step) + HeadLength > bytes.Length)
            {
                return -1;
            }
            ReadOnlySpan<byte> head = bytes.Slice(at, HeadLength);
            if (head[3] is >= (byte)'1' and <= (byte)'9' && (head[4..].SequenceEqual(Block) || head[4..].SequenceEqual(Empty)))
            {
                return at;
            }
        }
        return -1;
    }

    /// <summary>Unpacks the stream at which another stream stands, to its end.</summary>
    /// <exception cref="InvalidDataException">It is damaged or cut off.</exception>
    public static Stream Unpack(Stream packed, string file, long offset) => new Guarded(packed, file, offset);

    /// <summary>Says which file is damaged, and where.</summary>
    private sealed class Guarded(Stream packed, string file, long offset) : Stream
    {
        private BZip2InputStream? _inner; // it reads the first block when it is made

        public override int Read(byte[] buffer, int start, int count)
        {
            try
            {
                return (_inner ??= new BZip2InputStream(packed) { IsStreamOwner = false }).Read(buffer, start, count);
            }
            catch (Exception exception)
                when (exception is SharpZipBaseException or EndOfStreamException or IndexOutOfRangeException or ArgumentException)
            {
                throw new InvalidDataException(
                    $"the bz2 stream at byte {offset} of '{file}' is damaged or cut off ({exception.Message.TrimEnd('.')}): fetch the file again.",
                    exception
                );
            }
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() { }

        public override long Seek(long to, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int start, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _inner?.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
