namespace Inkstone.Hub;

/// <summary>What was asked for is refused, and asking again would not help: there is no such thing, or it takes a right that the user has
/// not got.</summary>
internal sealed class RefusedException : IOException
{
    /// <summary>Says in one sentence what is refused and what to do.</summary>
    public RefusedException(string message)
        : base(message) { }
}
