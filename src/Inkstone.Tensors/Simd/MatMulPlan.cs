namespace Inkstone.Tensors;

/// <summary>
/// One packed product C[M, N] = A[M, K] · B[K, N] (+ addend), cut into independent tasks: first all panels of B,
/// then tiles of blocks of rows of A by runs of panels of B.
/// </summary>
internal unsafe struct MatMulPlan
{
    /// <summary>Multiplying tasks for each thread at least: a thread that is held up has others take some of its share.</summary>
    private const int TasksPerThread = 4;

    /// <summary>Panels of B in a task at least, because each task prepares its rows of A for itself.</summary>
    private const int LeastPanels = 16;

    private readonly MatrixView _a;
    private readonly int _m,
        _n,
        _k,
        _depth,
        _panels,
        _rowPanels,
        _panelRows,
        _rowBlocks,
        _columnBlocks;
    private RightPanels _right;

    /// <summary>Plans a product.</summary>
    /// <param name="kernel">the micro-kernel that every task will be given</param>
    /// <param name="a">[M, K]</param>
    /// <param name="b">[K, N]</param>
    /// <param name="m">M</param>
    /// <param name="n">N</param>
    /// <param name="k">K</param>
    /// <param name="depth">values of k in a block, <see cref="MatMul.Depth"/></param>
    /// <param name="threads">how many threads share the work: each gets the same number of tasks</param>
    /// <param name="products">how many products they share at once</param>
    public MatMulPlan(MicroKernel kernel, MatrixView a, MatrixView b, int m, int n, int k, int depth, int threads, int products = 1)
    {
        (_a, _m, _n, _k, _depth) = (a, m, n, k, depth);
        _panels = (n + kernel.Columns - 1) / kernel.Columns;
        _right = new RightPanels(kernel, b, n, k, depth);
        // A task takes as many rows of A as level 2 holds, so that a panel of B is fetched for many of them. Where that makes too few
        // tasks,
        // columns are shared out, and where these are few, rows in smaller blocks. No two blocks differ by more than a panel.
        int most = Math.Max(1, Blocking.BlockBytes / (depth * kernel.ElementBytes * kernel.Rows));
        (_rowPanels, _panelRows) = ((m + kernel.Rows - 1) / kernel.Rows, kernel.Rows);
        int rows = (_rowPanels + most - 1) / most,
            tasks = threads == 1 ? 1 : Math.Max(1, TasksPerThread * threads / products),
            each = Math.Max(1, threads / products);
        _columnBlocks = Math.Clamp((tasks + rows - 1) / rows, 1, Math.Max(1, _panels / LeastPanels));
        rows = Math.Max(rows, (tasks + _columnBlocks - 1) / _columnBlocks);
        _rowBlocks = Math.Min(_rowPanels, (rows + each - 1) / each * each);
    }

    /// <summary>First element of C.</summary>
    public float* C { get; set; }

    /// <summary>Elements from one row of C to the next.</summary>
    public nint StrideC { get; set; }

    /// <summary>What is added to the product, or null.</summary>
    public float* Addend { get; set; }

    /// <summary>Elements from one row of the addend to the next.</summary>
    public nint StrideAddend { get; set; }

    /// <summary>A bfloat16 result instead of <see cref="C"/>, or null. Needs k in one block.</summary>
    public ushort* Rounded { get; set; }

    /// <summary>Number of packing tasks.</summary>
    public readonly int PackItems => _right.Items;

    /// <summary>Number of multiplying tasks.</summary>
    public readonly int Tasks => _rowBlocks * _columnBlocks;

    /// <summary>Bytes that the packed B takes, whole cache lines.</summary>
    public readonly long PackedBytes => _right.Bytes;

    /// <summary><see cref="PackedBytes"/> of memory for the packed B.</summary>
    public byte* PackedB
    {
        readonly get => _right.Memory;
        set => _right.Memory = value;
    }

    /// <summary>Packs a part of B.</summary>
    public readonly void Pack(MicroKernel kernel, Workers workers, int item, int worker) => _right.Pack(kernel, workers, item, worker);

    /// <summary>Multiplies one block of rows with one run of panels of B.</summary>
    public readonly void Multiply(MicroKernel kernel, Workers workers, int task, int worker)
    {
        (int columnBlock, int rowBlock) = Math.DivRem(task, _rowBlocks);
        int row = Share(rowBlock, _rowBlocks, _rowPanels) * _panelRows,
            end = Math.Min(_m, Share(rowBlock + 1, _rowBlocks, _rowPanels) * _panelRows);
        int first = Share(columnBlock, _columnBlocks, _panels),
            last = Share(columnBlock + 1, _columnBlocks, _panels);
        for (int from = 0, item = 0; from < Math.Max(_k, 1); from += _depth, item++)
        {
            Multiply(kernel, workers, row, end - row, first, last, from, item, worker);
        }
    }

    /// <summary>Where the <paramref name="part"/>-th of <paramref name="parts"/> equal parts begins.</summary>
    private static int Share(int part, int parts, int count) => (int)((long)part * count / parts);

    private readonly void Multiply(
        MicroKernel kernel,
        Workers workers,
        int row,
        int rows,
        int firstPanel,
        int lastPanel,
        int from,
        int item,
        int worker
    )
    {
        int k = Math.Min(_depth, _k - from);
        LeftPanels left = new(kernel, _a.From(row, from), rows, k, workers, worker);
        float* addend = from == 0 ? Addend : C;
        nint strideAddend = from == 0 ? StrideAddend : StrideC;
        TileArguments tile = new()
        {
            Steps = (k + kernel.StepValues - 1) / kernel.StepValues,
            StrideC = StrideC * sizeof(float),
            StrideAddend = strideAddend * sizeof(float),
            StrideA = left.Stride,
        };
        float* buffer = stackalloc float[Rounded == null ? 0 : EdgeTile.MostElements];
        for (int column = firstPanel; column < lastPanel; column++)
        {
            tile.B = _right.Panel(item, column);
            int columns = Math.Min(kernel.Columns, _n - column * kernel.Columns);
            for (int panel = 0; panel < left.Count; panel++)
            {
                long at = row + panel * kernel.Rows;
                int count = Math.Min(kernel.Rows, rows - panel * kernel.Rows);
                tile.A = left.Panel(panel);
                if (Rounded != null)
                {
                    EdgeTile.RunRounded(
                        kernel,
                        &tile,
                        buffer,
                        Rounded + at * StrideC + column * kernel.Columns,
                        StrideC,
                        count,
                        columns,
                        left.InRows
                    );
                    continue;
                }
                tile.C = C + at * StrideC + column * kernel.Columns;
                tile.Addend = addend == null ? null : addend + at * strideAddend + column * kernel.Columns;
                EdgeTile.Run(kernel, &tile, count, columns, left.InRows);
            }
        }
    }
}
