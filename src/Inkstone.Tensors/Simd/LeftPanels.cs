namespace Inkstone.Tensors;

/// <summary>
/// A block of rows of A as a micro-kernel wants it. Rows whose values of k lie side by side are read where they are when they have the
/// kernel's type,
/// and are otherwise only converted; A transposed is packed into panels of [k][rows].
/// </summary>
internal readonly unsafe struct LeftPanels
{
    private readonly byte* _whole,
        _last;
    private readonly long _panelBytes;

    /// <summary>Prepares a block.</summary>
    /// <param name="kernel">what will multiply</param>
    /// <param name="a">the block's first element</param>
    /// <param name="rows">rows of the block</param>
    /// <param name="k">values of k</param>
    /// <param name="workers">whose scratch memory holds what is copied</param>
    /// <param name="worker">which of them runs</param>
    public LeftPanels(MicroKernel kernel, MatrixView a, int rows, int k, Workers workers, int worker)
    {
        Count = (rows + kernel.Rows - 1) / kernel.Rows;
        int whole = rows / kernel.Rows;
        InRows = ReadsRows(kernel, a);
        bool inPlace = InRows && a.Type == kernel.ElementType && IsAligned(kernel, a, k) && !Collide(kernel, a);
        if (!InRows)
        {
            _panelBytes = Packing.BytesA(kernel, k);
            _whole = workers.Scratch(worker, Count * _panelBytes + Packing.SlackBytes);
            bool pairs = kernel.Layout != PanelLayout.Float32;
            if (a.RowStride == 1 && kernel.Layout != PanelLayout.Tiles && Packing.IsPlain(a.Type))
            {
                Packing.Rows(a.T, rows, kernel.Rows, _panelBytes, k, pairs, _whole);
                return;
            }
            for (int panel = 0; panel < Count; panel++)
            {
                int first = panel * kernel.Rows;
                Packing.PackA(kernel, a.From(first, 0), Math.Min(kernel.Rows, rows - first), k, _whole + panel * _panelBytes);
            }
            return;
        }
        Stride = inPlace ? a.RowStride * kernel.ElementBytes : Packing.RowBytes(kernel, k);
        _panelBytes = kernel.Rows * Stride;
        if (inPlace && whole == Count)
        {
            _whole = a.Pointer;
            return;
        }
        // The last panel may lack rows: it is copied, so that the kernel finds zeros instead of what lies behind A.
        byte* copy = workers.Scratch(worker, (inPlace ? 1 : Count) * _panelBytes + Packing.SlackBytes);
        _whole = inPlace ? a.Pointer : copy;
        _last = inPlace ? copy : null;
        int from = inPlace ? whole * kernel.Rows : 0;
        Packing.CopyRows(kernel, a.From(from, 0), rows - from, k, Stride, copy);
        new Span<byte>(copy + (rows - from) * Stride, checked((int)((Count * kernel.Rows - rows) * Stride))).Clear();
    }

    /// <summary>Whether the kernel takes A's rows as they lie, or converted at most.</summary>
    public static bool ReadsRows(MicroKernel kernel, MatrixView a) => kernel.RunRows != null && a.ColumnStride == 1;

    /// <summary>Number of panels.</summary>
    public int Count { get; }

    /// <summary>Whether the panels are for <see cref="MicroKernel.RunRows"/>.</summary>
    public bool InRows { get; }

    /// <summary>Bytes from one row of a panel to the next.</summary>
    public nint Stride { get; }

    /// <summary>A panel's first element.</summary>
    public byte* Panel(int panel) => panel == Count - 1 && _last != null ? _last : _whole + panel * _panelBytes;

    /// <summary>
    /// Whether a panel's rows lie so far apart that more of them share a set of level 1 than it has ways: at a stride of a multiple of
    /// 4,096 bytes (width 1024 in float32) all of them do, and each step of k would fetch every row's line again.
    /// </summary>
    private static bool Collide(MicroKernel kernel, MatrixView a)
    {
        const int Sets = 4096; // bytes after which sets repeat: level 1 is looked up by the address within a page
        long stride = a.RowStride * kernel.ElementBytes;
        long step = Math.Max(64, Math.Min(Sets, stride & -stride)),
            places = Sets / step;
        return (kernel.Rows + places - 1) / places > CacheSizes.Current.Level1 / Sets;
    }

    /// <summary>bfloat16 is read in whole pairs; the rows of a column seen as a row overlap.</summary>
    private static bool IsAligned(MicroKernel kernel, MatrixView a, int k) =>
        a.RowStride >= k
        && k % kernel.StepValues == 0
        && a.RowStride % kernel.StepValues == 0
        && (nint)a.Pointer % (kernel.StepValues * a.Type.Size()) == 0;
}
