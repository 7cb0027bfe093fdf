namespace Inkstone.Data;

/// <summary>Where training gets its micro-batches from: endless passes, or one where it is finite.</summary>
public interface IBatchSource
{
    /// <summary>Rows in one pass.</summary>
    long RowCount { get; }

    /// <summary>The exact cursor: set to a stored value, the source goes on as if it had never stopped.</summary>
    LoaderState State { get; set; }

    /// <summary>Whether the pass is over, where passes are kept apart (a run of so many epochs): the next batch begins another, and belongs to another step.</summary>
    bool PassEnded { get; }

    /// <summary>Fills the batch with the next rows; false when a finite pass has none left.</summary>
    bool Next(Batch batch);
}
