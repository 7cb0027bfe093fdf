namespace Inkstone.Cli;

/// <summary>
/// stdout or stderr. When the terminal behind it has gone, what is written is lost, and that is all: a run must still save its checkpoint.
/// A full disk behind a redirection stays an error.
/// </summary>
internal sealed class Unheard(Stream inner) : Stream
{
    private const int TerminalGone = 5,
        PipeGone = 32; // EIO, EPIPE

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (IOException e) when (e.HResult is TerminalGone or PipeGone) { }
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
