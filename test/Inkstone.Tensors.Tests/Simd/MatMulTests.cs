namespace Inkstone.Tensors.Tests;

/// <summary>Products of matrices that end at unreadable pages, in all four layouts, at every instruction-set level.</summary>
[Collection(DeviceSuite.Name)]
public sealed class MatMulTests(Devices devices)
{
    [Fact]
    public void EverySizeUpTo33()
    {
        using Operands operands = new(33, 33, 33);
        for (int m = 1; m <= 33; m++)
        {
            for (int n = 1; n <= 33; n++)
            {
                for (int k = 1; k <= 33; k++)
                {
                    operands.Fill(m, n, k);
                    foreach (Device device in devices.Levels)
                    {
                        operands.Check(device, layout: (m + n + k) % 4);
                        operands.Check(device, layout: 2); // x · Wᵀ, the product of every forward pass
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(25, 40, 1024)] // rows of A whose lines share the sets of level 1
    [InlineData(5, 3, 7000)] // K in more than one sweep
    [InlineData(6, 4001, 1003)] // B in more than one sweep
    [InlineData(3, 501, 1003)] // few rows: no packing
    [InlineData(257, 130, 511)]
    [InlineData(1, 1, 257)]
    public void LargeSizes(int m, int n, int k)
    {
        using Operands operands = new(m, n, k);
        operands.Fill(m, n, k);
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            operands.CheckAllLayouts(device);
        }
    }

    [Fact]
    public void OddSizesUpTo257()
    {
        Random random = new(257);
        using Operands operands = new(257, 257, 257);
        for (int i = 0; i < 60; i++)
        {
            operands.Fill(random.Next(129) * 2 + 1, random.Next(129) * 2 + 1, random.Next(129) * 2 + 1);
            foreach (Device device in devices.Levels)
            {
                operands.CheckAllLayouts(device);
            }
        }
    }

    [Fact]
    public void InBFloat16_OperandsAreRoundedAndSumsAreNot()
    {
        Random random = new(16);
        using Operands operands = new(257, 257, 257);
        foreach (Isa isa in CpuFeatures.Levels().Where(level => MicroKernel.BFloat16(level).Layout != PanelLayout.Float32))
        {
            using Device device = new(2, isa, DType.BFloat16);
            for (int i = 0; i < 200; i++)
            {
                int most = i < 160 ? 40 : 257;
                operands.Fill(
                    SmallRows.MostRows + 1 + random.Next(most - SmallRows.MostRows),
                    1 + random.Next(most),
                    1 + random.Next(most),
                    roundToBFloat16: true
                );
                operands.CheckAllLayouts(device);
            }
        }
    }

    [Fact]
    public void TheNumberOfThreadsChangesNoBit()
    {
        using Operands operands = new(257, 129, 700);
        operands.Fill(257, 129, 700);
        float[] expected = operands.Product(devices.ThreadCounts.First());
        foreach (Device device in devices.ThreadCounts)
        {
            Near.SameBits(operands.Product(device), expected, $"{device.Workers.Count} threads");
        }
    }

    /// <summary>Widened in registers, up to <see cref="SmallRows.MostRows"/> rows.</summary>
    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_0)]
    [InlineData(DType.Q4_1)]
    public void AFewRowsByQuantisedWeightsAreEachWhatTheyWouldBeAlone(DType type)
    {
        foreach (Device device in devices.Levels)
        {
            foreach ((int n, int k) in ((int, int)[])[(7, 32), (33, 96), (12, 224)])
            {
                using Tensor weight = Tensor.Allocate(device, new Shape(n, k), type);
                using Tensor x = Tensor.Allocate(device, new Shape(SmallRows.MostRows, k));
                new PhiloxRandom(5, 2).FillNormal(x.Span, 1);
                // Bytes of which every pair is a number near 0.1 in half precision, so that sums depend on their order.
                for (int i = 0; i < weight.Bytes.Length; i++)
                {
                    weight.Bytes[i] = i % 2 == 0 ? (byte)(i * 37 ^ i >> 3) : (byte)0x2C;
                }
                float[] all = Product(x, weight, SmallRows.MostRows);
                all.ShouldAllBe(value => float.IsFinite(value) && value != 0);
                for (int m = 1; m < SmallRows.MostRows; m++)
                {
                    Product(x, weight, m).ShouldBe(all[..(m * n)], $"{device.Isa}, {m} rows, {n} × {k}");
                }
            }
        }

        static unsafe float[] Product(Tensor x, Tensor weight, int m)
        {
            (int n, int k) = (weight.Shape[0], weight.Shape[1]);
            using (x.Device.Step())
            {
                Tensor c = x.Device.Rent(new Shape(m, n));
                MatMul.Run(x.Device, MatrixView.Rows(x.F32, k), MatrixView.Of(weight).T, m, n, k, c.F32, n, exact: true);
                return c.Span.ToArray();
            }
        }
    }

    [Fact]
    public void EveryKernelIsProven()
    {
        foreach (Isa isa in CpuFeatures.Levels())
        {
            KernelProof.Worst(MicroKernel.Float32(isa)).ShouldBeLessThan(1e-6, $"float32 at {isa}");
            KernelProof.Worst(MicroKernel.BFloat16(isa)).ShouldBeLessThan(1e-6, $"bfloat16 at {isa}");
        }
    }

    /// <summary>A, B and C, each placed against its wall, with the product in double precision.</summary>
    private sealed unsafe class Operands(int mostM, int mostN, int mostK) : IDisposable
    {
        private readonly GuardedMemory _a = new(4L * mostM * mostK),
            _b = new(4L * mostK * mostN),
            _c = new(4L * mostM * mostN);
        private readonly long _mostA = (long)mostM * mostK,
            _mostB = (long)mostK * mostN,
            _mostC = (long)mostM * mostN;
        private float[] _left = [],
            _right = [],
            _addend = [];
        private double[] _product = [];
        private int _m,
            _n,
            _k;

        public void Fill(int m, int n, int k, bool roundToBFloat16 = false)
        {
            (_m, _n, _k) = (m, n, k);
            _left = OpInput.Numbers(m * k, m + k, -1, 1);
            _right = OpInput.Numbers(n * k, n - k, -1, 1);
            _addend = OpInput.Numbers(m * n, m * n, -1, 1);
            if (roundToBFloat16) // the test's claim is about these numbers: rounding them again changes nothing
            {
                _left = Array.ConvertAll(_left, Round);
                _right = Array.ConvertAll(_right, Round);
            }
            _product = Reference.Linear(OpInput.Doubles(_left), OpInput.Doubles(_right), k);
        }

        public void CheckAllLayouts(Device device)
        {
            for (int layout = 0; layout < 4; layout++)
            {
                Check(device, layout);
            }
        }

        /// <summary>One layout; bit 0: A is transposed in memory, bit 1: B is.</summary>
        public void Check(Device device, int layout)
        {
            double allowed = 4e-7 * Math.Max(16, _k / 4); // rounding grows with the size of the running sum; a missing term would be 0.3
            bool transposeA = layout % 2 == 1,
                transposeB = layout >= 2,
                add = (_m + _n + _k + layout) % 2 == 0;
            float* c = Place(device, transposeA, transposeB, add);
            for (int i = 0; i < _m * _n; i++)
            {
                double expected = _product[i] + (add ? _addend[i] : 0);
                if (!(Math.Abs(c[i] - expected) <= allowed))
                {
                    Assert.Fail(
                        $"{device.Isa} M {_m} N {_n} K {_k} layout {layout} add {add}: C[{i / _n}, {i % _n}] is {c[i]}, expected {expected}"
                    );
                }
            }
        }

        public float[] Product(Device device) => new Span<float>(Place(device, false, true, true), _m * _n).ToArray();

        public void Dispose()
        {
            _a.Dispose();
            _b.Dispose();
            _c.Dispose();
        }

        private float* Place(Device device, bool transposeA, bool transposeB, bool add)
        {
            float* a = (float*)_a.Pointer + _mostA - (long)_m * _k,
                b = (float*)_b.Pointer + _mostB - (long)_k * _n,
                c = (float*)_c.Pointer + _mostC - (long)_m * _n;
            Copy(_left, a, _m, _k, transposeA);
            Copy(_right, b, _n, _k, !transposeB);
            if (add)
            {
                _addend.CopyTo(new Span<float>(c, _m * _n));
            }
            else
            {
                new Span<float>(c, _m * _n).Fill(float.NaN);
            }
            MatrixView left = transposeA ? MatrixView.Rows(a, _m).T : MatrixView.Rows(a, _k);
            MatrixView right = transposeB ? MatrixView.Rows(b, _k).T : MatrixView.Rows(b, _n);
            using (device.Step())
            {
                MatMul.Run(device, left, right, _m, _n, _k, c, _n, add ? c : null, _n);
            }
            return c;
        }

        private static void Copy(float[] from, float* to, int rows, int columns, bool transpose)
        {
            for (int i = 0; i < rows * columns; i++)
            {
                to[transpose ? i % columns * rows + i / columns : i] = from[i];
            }
        }

        private static float Round(float value) => BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(value));
    }
}
