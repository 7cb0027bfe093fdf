using System.Diagnostics;
using System.Globalization;

namespace Inkstone.Files;

/// <summary>
/// Keeps a directory to one writing process. The file <c>.ink-lock</c> is locked by the system, which lets go however the process ends, and
/// names
/// process, host and start time, for messages and for file systems or hosts that the system's lock does not reach. Readers need no lock.
/// </summary>
public sealed class DirectoryLock : IDisposable
{
    /// <summary>Name of the lock's file.</summary>
    public const string FileName = ".ink-lock";

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly FileStream _file;
    private readonly bool _made;

    private DirectoryLock(string path, FileStream file, bool made) => (_path, _file, _made) = (path, file, made);

    /// <summary>Takes the lock of a directory, which is made when absent.</summary>
    /// <exception cref="ArgumentException">Another process has it, or may have it on another host.</exception>
    public static DirectoryLock Take(string directory)
    {
        if (File.Exists(directory))
        {
            throw new ArgumentException($"{directory} is a file; name a directory");
        }
        bool made = !Directory.Exists(directory);
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, FileName),
            mine = Owner.Me.ToString();
        while (true)
        {
            FileStream file = Open(directory, path);
            try
            {
                if (Owner.Parse(new StreamReader(file).ReadToEnd()) is { } owner)
                {
                    RefuseIfAlive(owner, directory, path);
                }
                file.SetLength(0);
                file.Write(System.Text.Encoding.UTF8.GetBytes(mine));
                file.Flush(flushToDisk: true);
                if (Read(path) == mine)
                {
                    Unfinished.Add(path, directoryToo: made);
                    return new DirectoryLock(path, file, made);
                }
                file.Dispose(); // its last owner deleted the file between our opening and locking it
            }
            catch (OperationCanceledException)
            {
                Release(path, file, made); // the program is being ended
                throw;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
    }

    /// <summary>Gives the directory free, and deletes one that was made for the lock and has stayed empty.</summary>
    public void Dispose()
    {
        Unfinished.Remove(_path);
        Release(_path, _file, _made);
    }

    private static void Release(string path, FileStream file, bool made)
    {
        File.Delete(path);
        file.Dispose();
        string directory = Path.GetDirectoryName(path)!;
        if (made && Directory.Exists(directory) && !Directory.EnumerateFileSystemEntries(directory).Any())
        {
            Directory.Delete(directory);
        }
    }

    private static FileStream Open(string directory, string path)
    {
        try
        {
            // On Unix only None locks; on Windows it would keep readers out as well.
            return new FileStream(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                OperatingSystem.IsWindows() ? FileShare.Read | FileShare.Delete : FileShare.None,
                bufferSize: 1
            );
        }
        catch (IOException) when (Owner.Parse(Read(path)) is { } owner)
        {
            throw InUse(owner, directory);
        }
    }

    private static void RefuseIfAlive(Owner owner, string directory, string path)
    {
        if (owner.Host != Owner.Me.Host)
        {
            throw new ArgumentException(
                $"{directory} was in use by {owner}, and whether it still is cannot be known on {Owner.Me.Host}; when that process has ended, delete {path}"
            );
        }
        if (owner.IsAlive)
        {
            throw InUse(owner, directory);
        }
    }

    private static ArgumentException InUse(Owner owner, string directory) =>
        new($"{directory} is in use by {owner}; wait until it ends, stop it, or name another directory");

    private static string Read(string path)
    {
        using FileStream? file = DirectoryEntries.OpenUnlocked(path);
        return file is null ? "" : new StreamReader(file).ReadToEnd();
    }

    /// <summary>A process, as the lock's file names it.</summary>
    private sealed record Owner(int Process, string Host, DateTime Started)
    {
        public static Owner Me { get; } =
            new(Environment.ProcessId, Environment.MachineName, StartOf(System.Diagnostics.Process.GetCurrentProcess()));

        /// <summary>Whether that very process still runs: its number may have been given to another one since.</summary>
        public bool IsAlive
        {
            get
            {
                try
                {
                    using Process found = System.Diagnostics.Process.GetProcessById(Process);
                    return (StartOf(found) - Started).Duration() < ClockTolerance && !IsZombie(Process);
                }
                catch (Exception e) when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
                {
                    return false;
                }
            }
        }

        public static Owner? Parse(string text) =>
            text.Split(' ') is ["process", var process, "on", var host, "since", var started]
            && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            && DateTime.TryParse(
                started,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
                out DateTime at
            )
                ? new Owner(id, host, at)
                : null;

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"process {Process} on {Host} since {Started:yyyy-MM-ddTHH:mm:ss.fffZ}");

        private static DateTime StartOf(Process process) => process.StartTime.ToUniversalTime();

        /// <summary>Killed, but its parent has not looked yet.</summary>
        private static bool IsZombie(int process)
        {
            string path = $"/proc/{process}/stat";
            return File.Exists(path)
                && File.ReadAllText(path) is var stat
                && stat.LastIndexOf(')') is >= 0 and var name
                && stat.AsSpan(name + 1).TrimStart() is ['Z' or 'X', ..];
        }
    }
}
