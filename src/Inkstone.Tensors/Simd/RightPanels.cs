namespace Inkstone.Tensors;

/// <summary>
/// B in panels of the kernel's columns, packed before anything is multiplied and shared by all threads. k is cut into blocks, and all
/// panels of a block lie together.
/// </summary>
internal unsafe struct RightPanels
{
    /// <summary>Steps of k in an item where columns lie side by side in memory.</summary>
    private const int Slice = 256;

    /// <summary>Columns of such an item: enough of each row of memory to be worth going there.</summary>
    private const int Run = 256;

    private readonly MatrixView _b;
    private readonly bool _rows;
    private readonly int _n,
        _k,
        _depth,
        _panels,
        _panelsInRun,
        _runs,
        _itemsInBlock,
        _width;
    private readonly long _panelBytes;

    /// <summary>Plans the panels.</summary>
    /// <param name="kernel">what will multiply</param>
    /// <param name="b">[K, N]</param>
    /// <param name="n">N</param>
    /// <param name="k">K</param>
    /// <param name="depth">values of k in a block</param>
    public RightPanels(MicroKernel kernel, MatrixView b, int n, int k, int depth)
    {
        (_b, _n, _k, _depth, _width) = (b, n, k, depth, kernel.Columns);
        _panels = (n + _width - 1) / _width;
        _rows = b.ColumnStride == 1 && Packing.IsPlain(b.Type);
        // A transposed panel narrower than a vector is written past its end: panels that two threads pack must not touch.
        _panelBytes = Packing.BytesB(kernel, depth) + (_rows || _width % 16 == 0 ? 0 : Packing.SlackBytes);
        _panelsInRun = _rows ? Math.Max(1, Run / _width) : 1;
        _runs = (_panels + _panelsInRun - 1) / _panelsInRun;
        _itemsInBlock = _runs * (_rows ? (depth + Slice - 1) / Slice : 1);
        int blocks = Math.Max(1, (k + depth - 1) / depth);
        Items = blocks * _itemsInBlock;
        Bytes = (blocks * _panels * _panelBytes + Packing.SlackBytes + 63) / 64 * 64;
    }

    /// <summary>Number of independent packing tasks.</summary>
    public int Items { get; }

    /// <summary>Bytes that all panels take, whole cache lines.</summary>
    public long Bytes { get; }

    /// <summary><see cref="Bytes"/> of memory for the panels.</summary>
    public byte* Memory { get; set; }

    /// <summary>A panel of a block of k.</summary>
    public readonly byte* Panel(int block, int panel) => Memory + ((long)block * _panels + panel) * _panelBytes;

    /// <summary>Packs the part of item <paramref name="item"/>.</summary>
    public readonly void Pack(MicroKernel kernel, Workers workers, int item, int worker)
    {
        (int block, int part) = Math.DivRem(item, _itemsInBlock);
        (int slice, int run) = Math.DivRem(part, _runs);
        int panel = run * _panelsInRun,
            column = panel * _width,
            columns = Math.Min(_panelsInRun * _width, _n - column);
        int k = Math.Min(_depth, _k - block * _depth),
            from = slice * Slice;
        byte* target = Panel(block, panel);
        MatrixView b = _b.From(block * _depth, column);
        if (!_rows)
        {
            b = Packing.IsPlain(b.Type) ? b : Widened(b, columns, k, (float*)workers.Scratch(worker, sizeof(float) * (long)columns * k));
            Packing.PackB(kernel, b, columns, k, target);
        }
        else if (from < k)
        {
            Packing.Rows(
                b.From(from, 0),
                columns,
                _width,
                _panelBytes,
                Math.Min(Slice, k - from),
                kernel.Layout != PanelLayout.Float32,
                target + (long)from * _width * kernel.ElementBytes,
                streamed: true
            );
            for (int i = 0; i < columns && from + Slice >= k; i += _width)
            {
                Packing.ClearRest(kernel, k, target + i / _width * _panelBytes);
            }
        }
    }

    /// <summary>A panel of quantised B as float32, read along its contiguous side.</summary>
    private static MatrixView Widened(MatrixView b, int columns, int k, float* target)
    {
        bool byColumn = b.RowStride == 1;
        (int lines, int length) = byColumn ? (columns, k) : (k, columns);
        for (int line = 0; line < lines; line++)
        {
            RowDecoder.Decode(byColumn ? b.From(0, line) : b.From(line, 0), length, target + (long)line * length);
        }
        MatrixView rows = MatrixView.Rows(target, length);
        return byColumn ? rows.T : rows;
    }
}
