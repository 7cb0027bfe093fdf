using System.Globalization;

namespace Inkstone.Data;

/// <summary>Files of one folder that only grow, and that go back to lengths known to be whole when a killed run is taken up.</summary>
internal sealed class AppendFiles : IDisposable
{
    private readonly FileStream[] _files;

    /// <param name="folder">where they are</param>
    /// <param name="name">the beginning of their names</param>
    /// <param name="lengths">what is whole of each; anything beyond is cut off</param>
    /// <exception cref="InvalidDataException">A file is shorter than it was.</exception>
    public AppendFiles(string folder, string name, IReadOnlyList<long> lengths)
    {
        _files = new FileStream[lengths.Count];
        try
        {
            for (int i = 0; i < _files.Length; i++)
            {
                string path = PathOf(folder, name, i);
                _files[i] = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 1 << 15);
                if (_files[i].Length < lengths[i])
                {
                    throw new InvalidDataException(
                        $"the file '{path}' of an unfinished run is shorter than it was: use --force to begin anew."
                    );
                }
                _files[i].SetLength(lengths[i]);
                _files[i].Position = lengths[i];
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The name of one of the files.</summary>
    public static string PathOf(string folder, string name, int number) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{number:000}"));

    /// <summary>Bytes of each file, all of them handed to the disk.</summary>
    public long[] Lengths()
    {
        foreach (FileStream file in _files)
        {
            file.Flush(flushToDisk: true);
        }
        return [.. _files.Select(f => f.Position)];
    }

    /// <summary>Appends to one of the files.</summary>
    public void Append(int number, ReadOnlySpan<byte> bytes) => _files[number].Write(bytes);

    /// <summary>Bytes of a file so far.</summary>
    public long Length(int number) => _files[number].Position;

    public void Dispose()
    {
        foreach (FileStream? file in _files)
        {
            // A full disk refuses the last buffered bytes, which no state speaks of.
            try
            {
                file?.Dispose();
            }
            catch (IOException) { }
        }
    }
}
