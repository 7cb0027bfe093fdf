namespace Inkstone.Data;

/// <summary>A number of passes over some rows, the last perhaps not whole. A pass ends where the data ends: no batch and no step holds rows
/// of two.</summary>
/// <param name="Epochs">passes</param>
/// <param name="RowCount">rows of a whole one</param>
public readonly record struct EpochBudget(double Epochs, long RowCount)
{
    /// <summary>Rows in a pass (from 0): all of them, or the part that is left of the budget.</summary>
    public long Rows(long epoch)
    {
        double part = Epochs - Math.Floor(Epochs);
        // 1.1 is a little more than eleven tenths; a row more must not come of that.
        return epoch == (long)Math.Floor(Epochs) && part > 0 ? Math.Min(RowCount, (long)Math.Ceiling(part * RowCount - 1e-6)) : RowCount;
    }

    /// <summary>Steps of so many rows, the last of each pass with what is left; a whole number, however large.</summary>
    public double Steps(long rowsPerStep)
    {
        double whole = Math.Floor(Epochs),
            steps = whole * StepsOf(RowCount);
        return whole < Epochs ? steps + StepsOf(Rows((long)whole)) : steps;

        long StepsOf(long rows) => (rows + rowsPerStep - 1) / rowsPerStep;
    }
}
