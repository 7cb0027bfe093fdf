using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Where the inputs of a delta rule lie.</summary>
/// <remarks><paramref name="first"/>: where the sequence begins among the tokens; <paramref name="continues"/>: it goes on from a
/// state.</remarks>
internal readonly unsafe struct DeltaInputs(
    DeltaSizes sizes,
    Tensor qkv,
    Tensor logDecay,
    Tensor beta,
    Tensor? documentStarts,
    int first = 0,
    bool continues = false
)
{
    public readonly DeltaSizes Sizes = sizes;
    private readonly float* _qkv = qkv.F32 + (long)first * sizes.Width,
        _logDecay = logDecay.F32 + (long)first * sizes.ValueHeads,
        _beta = beta.F32 + (long)first * sizes.ValueHeads;
    private readonly int* _starts = documentStarts is null ? null : documentStarts.I32;
    private readonly bool _continues = continues;

    /// <summary>Offset in qkv of the first query of a key head in the row of a token; keys lie <see cref="KeyOffset"/> further.</summary>
    public long QueryAt(int batch, int token, int keyHead) =>
        ((long)batch * Sizes.Length + token) * Sizes.Width + (long)keyHead * Sizes.KeyDim;

    public int KeyOffset => Sizes.KeyHeads * Sizes.KeyDim;

    /// <summary>Offset in qkv of the values of a head.</summary>
    public long ValueAt(int batch, int token, int head) =>
        ((long)batch * Sizes.Length + token) * Sizes.Width + 2L * KeyOffset + (long)head * Sizes.ValueDim;

    /// <summary>Offset in logDecay and beta.</summary>
    public long GateAt(int batch, int token, int head) => ((long)batch * Sizes.Length + token) * Sizes.ValueHeads + head;

    public float* Qkv => _qkv;

    public float LogDecay(int batch, int token, int head) => _logDecay[GateAt(batch, token, head)];

    public float Beta(int batch, int token, int head) => _beta[GateAt(batch, token, head)];

    /// <summary>First token of a token's document; −1 where it began before the row.</summary>
    public int Start(int batch, int token) =>
        _starts == null
            ? _continues
                ? -1
                : 0
            : _starts[(long)batch * Sizes.Length + token];
}

/// <summary>
/// What forward and backward pass compute of one chunk, in local buffers: normed queries and keys, their products, and per value head the
/// decays D, c, e, the coefficients −A of the triangular system and P. Rows and columns are padded so that whole tiles and vectors fit;
/// what lies in the padding is never contracted over. Rows behind the last token are zero.
/// </summary>
internal readonly unsafe struct DeltaChunk
{
    public const int Size = DeltaSizes.Chunk;
    private const float NormEps = 1e-6f;

    private readonly DeltaSizes _sizes;
    private readonly LocalPanels _panels;
    private readonly float* _high,
        _low; // γ as the sum of two floats: differences of long sums keep their digits
    private readonly int* _first; // per row: first row of its document within the chunk

    public DeltaChunk(DeltaSizes sizes, LocalPanels panels, ref LocalMemory memory)
    {
        (_sizes, _panels) = (sizes, panels);
        (StrideK, StrideV, StrideC) = (Stride(panels, sizes.KeyDim), Stride(panels, sizes.ValueDim), Stride(panels, Size));
        Rows = panels.PaddedRows(Size);
        Q = memory.Floats(Rows * StrideK);
        K = memory.Floats(Rows * StrideK);
        NormQ = memory.Floats(Size);
        NormK = memory.Floats(Size);
        KK = memory.Floats(Rows * StrideC);
        QK = memory.Floats(Rows * StrideC);
        D = memory.Floats(Rows * StrideC);
        A = memory.Floats(Rows * StrideC);
        P = memory.Floats(Rows * StrideC);
        Beta = memory.Floats(Size);
        C = memory.Floats(Size + 1);
        E = memory.Floats(Size);
        LeftK = memory.Bytes(panels.LeftBytes(sizes.KeyDim, Size));
        LeftQ = memory.Bytes(panels.LeftBytes(sizes.KeyDim, Size));
        RightKT = memory.Bytes(panels.RightBytes(Size, sizes.KeyDim));
        _high = memory.Floats(Size);
        _low = memory.Floats(Size);
        _first = (int*)memory.Floats(Size);
    }

    /// <summary>[64, D]: q̂ and k̂, and the factors that normed them.</summary>
    public readonly float* Q,
        K,
        NormQ,
        NormK;

    /// <summary>[64, 64]: k̂k̂ᵀ, q̂k̂ᵀ, the decays, −A and P.</summary>
    public readonly float* KK,
        QK,
        D,
        A,
        P;

    /// <summary>[64]: β, and the decays from and to the chunk's border; C has one more, the decay of the state.</summary>
    public readonly float* Beta,
        C,
        E;

    /// <summary>K̂ and Q̂ as left operands, K̂ᵀ as right operand.</summary>
    public readonly byte* LeftK,
        LeftQ,
        RightKT;

    /// <summary>Elements from one row of a local buffer to the next, by what its columns are; and rows of a buffer.</summary>
    public readonly int StrideK,
        StrideV,
        StrideC,
        Rows;

    /// <summary>A row of whole tiles, and one vector more: a transposed read of the last panel goes that far.</summary>
    public static int Stride(LocalPanels panels, int columns) => Math.Max(panels.PaddedColumns(columns), (columns + 15) / 16 * 16) + 16;

    /// <summary>Decay of the state over the whole chunk: 0 where a document begins in it.</summary>
    public float Carry => C[Size];

    /// <summary>Queries and keys of one key head.</summary>
    public void LoadKeys(in DeltaInputs inputs, int batch, int token, int keyHead, int count)
    {
        int dim = _sizes.KeyDim;
        float scale = 1 / MathF.Sqrt(dim);
        for (int i = 0; i < count; i++)
        {
            float* q = inputs.Qkv + inputs.QueryAt(batch, token + i, keyHead),
                k = q + inputs.KeyOffset;
            NormQ[i] = 1 / MathF.Sqrt(Lanes.Dot(q, q, dim) + NormEps);
            NormK[i] = 1 / MathF.Sqrt(Lanes.Dot(k, k, dim) + NormEps);
            Lanes.Scale(Q + i * StrideK, q, NormQ[i] * scale, dim);
            Lanes.Scale(K + i * StrideK, k, NormK[i], dim);
        }
        Clear(Q, StrideK, count, dim);
        Clear(K, StrideK, count, dim);
        _panels.Left(MatrixView.Rows(K, StrideK), Rows, dim, LeftK);
        _panels.Left(MatrixView.Rows(Q, StrideK), Rows, dim, LeftQ);
        _panels.Right(MatrixView.Rows(K, StrideK).T, Size, dim, RightKT);
        _panels.Multiply(LeftK, Size, RightKT, Size, dim, KK, StrideC, accumulate: false);
        _panels.Multiply(LeftQ, Size, RightKT, Size, dim, QK, StrideC, accumulate: false);
        for (int i = 0; i < Size; i++)
        {
            _first[i] = i < count ? inputs.Start(batch, token + i) - token : token + i;
        }
    }

    /// <summary>Decays of one value head, and with them −A and P. Needs the keys.</summary>
    public void LoadGates(in DeltaInputs inputs, int batch, int token, int head, int count)
    {
        double gamma = 0;
        for (int i = 0; i < Size; i++)
        {
            gamma += i < count ? inputs.LogDecay(batch, token + i, head) : 0;
            _high[i] = (float)gamma;
            _low[i] = (float)(gamma - _high[i]);
            Beta[i] = i < count ? inputs.Beta(batch, token + i, head) : 0;
        }
        // The last token's document decides what the state behind the chunk sees.
        int last = _first[count - 1];
        double end = (double)_high[count - 1] + _low[count - 1];
        for (int i = 0; i < Size; i++)
        {
            bool real = i < count;
            C[i] = real && _first[i] < 0 ? (float)Math.Exp((double)_high[i] + _low[i]) : 0;
            E[i] = real && i >= last ? (float)Math.Exp(end - _high[i] - _low[i]) : 0;
        }
        C[Size] = C[count - 1];
        for (int i = 0; i < Size; i++)
        {
            Row(i, i < count ? Math.Max(_first[i], 0) : i);
        }
    }

    /// <summary>Row i of D, −A and P: zero outside of columns [low, i].</summary>
    private void Row(int i, int low)
    {
        Vector512<float> high = Vector512.Create(_high[i]),
            rest = Vector512.Create(_low[i]),
            beta = Vector512.Create(-Beta[i]);
        Vector512<int> lane = Vector512<int>.Indices,
            first = Vector512.Create(low),
            at = Vector512.Create(i);
        Vector512<float> never = Vector512.Create(float.NegativeInfinity);
        for (int j = 0; j < Size; j += 16, lane += Vector512.Create(16))
        {
            int o = i * StrideC + j;
            if (j > i)
            {
                default(Vector512<float>).Store(D + o);
                default(Vector512<float>).Store(A + o);
                default(Vector512<float>).Store(P + o);
                continue;
            }
            Vector512<float> difference = high - Vector512.Load(_high + j) + (rest - Vector512.Load(_low + j));
            Vector512<int> seen = Vector512.GreaterThanOrEqual(lane, first) & Vector512.LessThanOrEqual(lane, at);
            Vector512<float> d = Lanes.Exp(Vector512.ConditionalSelect(seen.AsSingle(), difference, never));
            d.Store(D + o);
            (d * Vector512.Load(QK + o)).Store(P + o);
            Vector512<float> a = beta * d * Vector512.Load(KK + o);
            Vector512.ConditionalSelect(Vector512.Equals(lane, at).AsSingle(), Vector512<float>.Zero, a).Store(A + o);
        }
    }

    /// <summary>x becomes the solution of (I + A) x' = x: forward substitution, 64 columns at a time. Whole vectors.</summary>
    public void Solve(float* x)
    {
        for (int column = 0; column < _sizes.ValueDim; column += 64)
        {
            int vectors = Math.Min(4, (_sizes.ValueDim - column + 15) / 16);
            for (int i = 1; i < Size; i++)
            {
                Combine(x + column, A + i * StrideC, 1, i, 0, i, vectors);
            }
        }
    }

    /// <summary>x becomes the solution of (I + A)ᵀ x' = x: backward substitution.</summary>
    public void SolveTransposed(float* x)
    {
        for (int column = 0; column < _sizes.ValueDim; column += 64)
        {
            int vectors = Math.Min(4, (_sizes.ValueDim - column + 15) / 16);
            for (int i = Size - 2; i >= 0; i--)
            {
                Combine(x + column, A + i, StrideC, i, i + 1, Size, vectors);
            }
        }
    }

    /// <summary>x_row += Σ_j a[j · stride] · x_j for j in [from, to).</summary>
    private void Combine(float* x, float* a, int stride, int row, int from, int to, int vectors)
    {
        float* target = x + row * StrideV;
        if (vectors == 4)
        {
            Vector512<float> s0 = Vector512.Load(target),
                s1 = Vector512.Load(target + 16),
                s2 = Vector512.Load(target + 32),
                s3 = Vector512.Load(target + 48);
            Vector512<float> t0 = default,
                t1 = default,
                t2 = default,
                t3 = default;
            int j = from;
            for (; j + 1 < to; j += 2)
            {
                float* r = x + j * StrideV;
                Vector512<float> c = Vector512.Create(a[j * stride]);
                s0 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r), s0);
                s1 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 16), s1);
                s2 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 32), s2);
                s3 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 48), s3);
                r += StrideV;
                c = Vector512.Create(a[(j + 1) * stride]);
                t0 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r), t0);
                t1 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 16), t1);
                t2 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 32), t2);
                t3 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 48), t3);
            }
            if (j < to)
            {
                float* r = x + j * StrideV;
                Vector512<float> c = Vector512.Create(a[j * stride]);
                s0 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r), s0);
                s1 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 16), s1);
                s2 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 32), s2);
                s3 = Vector512.FusedMultiplyAdd(c, Vector512.Load(r + 48), s3);
            }
            (s0 + t0).Store(target);
            (s1 + t1).Store(target + 16);
            (s2 + t2).Store(target + 32);
            (s3 + t3).Store(target + 48);
            return;
        }
        for (int v = 0; v < vectors; v++)
        {
            Vector512<float> s = Vector512.Load(target + 16 * v);
            for (int j = from; j < to; j++)
            {
                s = Vector512.FusedMultiplyAdd(Vector512.Create(a[j * stride]), Vector512.Load(x + j * StrideV + 16 * v), s);
            }
            s.Store(target + 16 * v);
        }
    }

    /// <summary>Zeros in the rows from <paramref name="from"/> to the end of the chunk.</summary>
    public static void Clear(float* x, int stride, int from, int width)
    {
        for (int i = from; i < Size; i++)
        {
            new Span<float>(x + i * stride, width).Clear();
        }
    }
}

/// <summary>Hands out a worker's scratch memory in pieces; without memory it only counts.</summary>
internal unsafe struct LocalMemory(byte* start)
{
    /// <summary>Bytes handed out so far.</summary>
    public long Used { get; private set; }

    public float* Floats(long count) => (float*)Bytes(count * sizeof(float));

    public byte* Bytes(long bytes)
    {
        byte* piece = start + Used;
        Used += (bytes + 63) / 64 * 64;
        return piece;
    }
}
