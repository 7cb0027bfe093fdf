namespace Inkstone.Training;

/// <summary>The loss or a gradient is no longer a number: the run has stopped, its last checkpoint is whole.</summary>
public sealed class DivergenceException(string message) : Exception(message);
