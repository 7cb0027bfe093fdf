namespace Inkstone.Cli;

/// <summary>Hands a report on at once, on the thread that makes it.</summary>
internal sealed class Relay<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
