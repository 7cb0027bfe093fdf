namespace Inkstone.Data;

/// <summary>Where training gets its micro-batches from: endless passes, or one where it is finite.</summary>
/// <typeparam name="TBatch">what a micro-batch is; <see cref="Batch"/> for rows of tokens with labels</typeparam>
public interface IBatchSource<TBatch>
    where TBatch : ITrainingBatch
{
    /// <summary>Rows in one pass.</summary>
    long RowCount { get; }

    /// <summary>Most tokens of a row.</summary>
    int RowLength { get; }

    /// <summary>The exact cursor: set to a stored value, the source goes on as if it had never stopped.</summary>
    LoaderState State { get; set; }

    /// <summary>Whether the pass is over, where passes are kept apart (a run of so many epochs): the next batch begins another, and belongs
    /// to another step.</summary>
    bool PassEnded { get; }

    /// <summary>Memory for a micro-batch of <paramref name="rows"/> rows, to be filled by <see cref="Next"/> again and again.</summary>
    TBatch NewBatch(int rows);

    /// <summary>Whether <see cref="Next"/> will read the model that is trained, as where it writes answers first.</summary>
    bool ReadsModel => false;

    /// <summary>Fills the batch with the next rows; false when a finite pass has none left.</summary>
    bool Next(TBatch batch);

    /// <summary>Goes past the next rows, which another process takes; false when a finite pass has none left. The batch's content is
    /// undefined.</summary>
    bool Skip(TBatch batch) => Next(batch);
}
