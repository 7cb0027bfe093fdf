using System.Diagnostics;
using System.Globalization;

namespace Inkstone.Files.Tests;

public sealed class DirectoryLockTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Lock => _directory["run/.ink-lock"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void One_writer_at_a_time_and_nothing_is_left_of_it()
    {
        using (DirectoryLock.Take(_directory["run"]))
        {
            string said = Should.Throw<ArgumentException>(() => DirectoryLock.Take(_directory["run"])).Message;
            said.ShouldContain($"in use by process {Environment.ProcessId} on {Environment.MachineName} since ");
        }
        Directory.Exists(_directory["run"]).ShouldBeFalse();

        Directory.CreateDirectory(_directory["run"]);
        DirectoryLock.Take(_directory["run"]).Dispose();
        Directory.GetFileSystemEntries(_directory["run"]).ShouldBeEmpty();
    }

    [Fact]
    public void A_file_that_a_killed_process_left_is_stale_though_its_number_lives_again()
    {
        Left($"process {int.MaxValue} on {Environment.MachineName} since {Now(0)}");
        DirectoryLock.Take(_directory["run"]).Dispose();
        Left($"process {Environment.ProcessId} on {Environment.MachineName} since {Now(-3600)}");
        DirectoryLock.Take(_directory["run"]).Dispose();
        Left("");
        DirectoryLock.Take(_directory["run"]).Dispose();
        Left("proc"); // killed while it wrote
        DirectoryLock.Take(_directory["run"]).Dispose();
    }

    [Fact]
    public void A_living_process_is_believed_where_the_system_does_not_lock()
    {
        using Process me = Process.GetCurrentProcess();
        Left(
            string.Create(
                CultureInfo.InvariantCulture,
                $"process {me.Id} on {Environment.MachineName} since {me.StartTime.ToUniversalTime():yyyy-MM-ddTHH:mm:ss.fffZ}"
            )
        );
        Should.Throw<ArgumentException>(() => DirectoryLock.Take(_directory["run"])).Message.ShouldContain("in use by process");
        File.Exists(Lock).ShouldBeTrue();
    }

    [Fact]
    public void Another_host_cannot_be_asked_so_the_message_names_the_file_to_delete()
    {
        Left($"process 12 on elsewhere since {Now(-60)}");
        string said = Should.Throw<ArgumentException>(() => DirectoryLock.Take(_directory["run"])).Message;
        said.ShouldContain("process 12 on elsewhere");
        said.ShouldContain($"delete {Lock}");
        File.Delete(Lock);
        DirectoryLock.Take(_directory["run"]).Dispose();
    }

    private static string Now(int seconds) =>
        DateTime.UtcNow.AddSeconds(seconds).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private void Left(string text)
    {
        Directory.CreateDirectory(_directory["run"]);
        File.WriteAllText(Lock, text);
    }
}
