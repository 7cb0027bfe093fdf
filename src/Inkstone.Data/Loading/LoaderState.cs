namespace Inkstone.Data;

/// <summary>Where a loader stands: passes completed, and windows taken in this pass. All that a checkpoint must remember.</summary>
public readonly record struct LoaderState(long Epoch, long Position);
