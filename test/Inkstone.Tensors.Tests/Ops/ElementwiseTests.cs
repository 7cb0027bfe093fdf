namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class ElementwiseTests(Devices devices)
{
    /// <summary>More than the work that one chunk takes, and no multiple of a vector.</summary>
    private const int Large = 40_003;

    /// <summary>Lengths to try of ops that share their loops with others which try all.</summary>
    private const int Few = 33;

    private delegate Tensor UnaryOp(Tensor x);

    private delegate Tensor BinaryOp(Tensor a, Tensor b);

    [Fact]
    public void Exp() => Unary(Ops.Exp, Reference.Exp);

    [Fact]
    public void Log() => Unary(Ops.Log, Reference.Log, low: 0.5f);

    [Fact]
    public void Sigmoid() => Unary(Ops.Sigmoid, Reference.Sigmoid);

    [Fact]
    public void Silu() => Unary(Ops.Silu, Reference.Silu);

    [Fact]
    public void SignedRoot() =>
        Unary(x => Ops.SignedRoot(x), x => [.. x.Select(v => Math.Sign(v) * Math.Sqrt(Math.Max(Math.Abs(v), 1e-6)))], low: 0.05f);

    [Fact]
    public void SignedRoot_KeepsSignsAndIsFlatNearNothing()
    {
        using OpBench bench = new(devices.Default);
        Tensor x = bench.Float(new Shape(5), [-4, 1e-8f, 0, -1e-8f, 2.25f]);
        using StepScope step = devices.Default.Step();
        Ops.SignedRoot(x).ToArray().ShouldBe([-2, 1e-3f, 0, -1e-3f, 1.5f], 1e-7f);
        SignedRootSlopes([-4, 1e-8f, 0, -1e-8f, 2.25f]).ShouldBe([0.25f, 0, 0, 0, 1 / 3f], 1e-7f);
    }

    /// <summary>Of sixteen lanes at once.</summary>
    private static float[] SignedRootSlopes(float[] x)
    {
        System.Runtime.Intrinsics.Vector512<float> slopes = new Ops.SignedRootOperator(1e-6f).Backward(
            System.Runtime.Intrinsics.Vector512<float>.One,
            System.Runtime.Intrinsics.Vector512.Create([.. x, .. new float[16 - x.Length]]),
            default
        );
        return [.. Enumerable.Range(0, x.Length).Select(i => slopes[i])];
    }

    [Fact]
    public void Scale() => Unary(x => Ops.Scale(x, -1.7f), x => Reference.Scale(x, -1.7f));

    [Fact]
    public void Add() => Binary(Ops.Add, Reference.Add);

    [Fact]
    public void Multiply() => Binary(Ops.Multiply, Reference.Multiply);

    [Fact]
    public void SwiGlu() => Binary((a, b) => Ops.SwiGlu(a, b), Reference.SwiGlu);

    [Theory]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.GeluTanh)]
    public void Activations(Activation activation)
    {
        Unary(x => Ops.Activate(x, activation), Twin, low: -5, upTo: Few);
        Binary((a, b) => Ops.GatedLinearUnit(a, b, activation), (a, b) => Reference.Multiply(Twin(a), b), Few);

        double[] Twin(double[] x) =>
            activation switch
            {
                Activation.Silu => Reference.Silu(x),
                Activation.Gelu => Reference.Gelu(x),
                _ => Reference.GeluTanh(x),
            };
    }

    /// <summary>Differences across the corner of max(x, 0) mean nothing, so inputs keep away from it.</summary>
    [Fact]
    public void Relu()
    {
        Unary(x => Ops.Activate(x, Activation.Relu), x => x, low: 0.01f, upTo: Few);
        Unary(x => Ops.Activate(x, Activation.ReluSquared), x => Array.ConvertAll(x, v => v * v), low: 0.01f, upTo: Few);
        foreach (Activation activation in new[] { Activation.Relu, Activation.ReluSquared })
        {
            new OpCheck(
                (_, x) => Ops.Activate(x[0], activation),
                x => new double[x[0].Length],
                OpInput.Random(new Shape(37), 1, -2, -0.01f)
            ).Correct(devices.Levels);
        }
    }

    [Fact]
    public void SoftCap() => Unary(x => Ops.SoftCap(x, 1.5f), x => Reference.SoftCap(x, 1.5), low: -4, upTo: Few);

    [Fact]
    public void ClampedSwiGlu()
    {
        Binary((a, b) => Ops.ClampedSwiGlu(a, b, 7), (a, b) => Reference.ClampedSwiGlu(a, b, 7, 1.702, 1), Few);
        // Clamped everywhere: one limit below all inputs.
        EveryLength(
            n => new OpCheck(
                (_, x) => Ops.ClampedSwiGlu(x[0], x[1], 0.5f, 1, 0),
                x => Reference.ClampedSwiGlu(x[0], x[1], 0.5, 1, 0),
                OpInput.Random(new Shape(n), n, 1, 2),
                OpInput.Random(new Shape(n), 1000 + n, -2, -1)
            ),
            Few
        );
    }

    [Fact]
    public void Tanh_KeepsItsDigitsAtEverySize()
    {
        float[] x = [.. Enumerable.Range(-60, 100).SelectMany(e => new[] { 1f, -1.37f }.Select(m => m * MathF.Pow(2, e / 4f - 5)))];
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            float[] y = Ops.SoftCap(bench.Float(new Shape(x.Length), x), 1).Span.ToArray();
            y.Zip(x).ShouldAllBe(p => Math.Abs(p.First - Math.Tanh(p.Second)) <= 2e-7 * Math.Abs(Math.Tanh(p.Second)));
        }
    }

    [Fact]
    public void OneTensorAsBothInputs()
    {
        OpInput x = OpInput.Random(new Shape(3, 37), 1);
        new OpCheck((_, x) => Ops.Add(x[0], x[0]), x => Reference.Add(x[0], x[0]), x).Run(devices);
        new OpCheck((_, x) => Ops.Multiply(x[0], x[0]), x => Reference.Multiply(x[0], x[0]), x).Run(devices);
        new OpCheck((_, x) => Ops.SwiGlu(x[0], x[0]), x => Reference.SwiGlu(x[0], x[0]), x).Run(devices);
    }

    [Fact]
    public void Dropout()
    {
        PhiloxRandom random = new(Seed: 42, Stream: 7);
        EveryLength(n => new OpCheck(
            (_, x) => Ops.Dropout(x[0], 0.3f, random),
            x => Reference.Dropout(x[0], 0.3f, random),
            OpInput.Random(new Shape(n), n)
        ));
    }

    [Fact]
    public void Dropout_KeepsTheShareItPromises()
    {
        using (devices.Default.Step())
        {
            Tensor x = devices.Default.Rent(new Shape(100_000));
            x.Span.Fill(1);
            float[] y = Ops.Dropout(x, 0.1f, new PhiloxRandom(1, 2)).Span.ToArray();
            y.Count(v => v == 0).ShouldBeInRange(9_600, 10_400); // four standard deviations
            y.Where(v => v != 0).ShouldAllBe(v => Math.Abs(v - 1 / 0.9f) < 1e-6f);
            Ops.Dropout(x, 0, new PhiloxRandom(1, 2)).ShouldBeSameAs(x);
            Should.Throw<ArgumentException>(() => Ops.Dropout(x, 1, new PhiloxRandom(1, 2)));
        }
    }

    [Fact]
    public void DifferentShapes_AreRefusedByName()
    {
        using (devices.Default.Step())
        {
            Tensor a = devices.Default.Rent(new Shape(2, 3)),
                b = devices.Default.Rent(new Shape(3, 2));
            Should.Throw<ArgumentException>(() => Ops.Add(a, b)).Message.ShouldContain("[3, 2]");
            Should.Throw<ArgumentException>(() => Ops.SwiGlu(a, b)).Message.ShouldContain("[2, 3]");
        }
    }

    [Fact]
    public void KernelsWriteNothingPastTheEnd()
    {
        for (int n = 1; n <= 257; n++)
        {
            using OpBench bench = new(devices.Default);
            Tensor x = bench.Float(new Shape(n), OpInput.Numbers(n, n)),
                y = bench.Empty(new Shape(n));
            ElementwiseKernels.Forward(default(Ops.SiluOperator), x, y);
            ElementwiseKernels.Backward(default(Ops.SiluOperator), x, x, y, y, accumulate: true);
            ElementwiseKernels.Forward(default(Ops.SwiGluOperator), x, x, y);
            ElementwiseKernels.Backward(default(Ops.SwiGluOperator), x, x, y, y, addA: true, x, addB: false);
            DropoutKernels.Forward(x, 0.5f, new PhiloxRandom(1, 1), y);
            SumKernels.SpreadAll(x, 1);
        }
    }

    private void Unary(UnaryOp op, Func<double[], double[]> reference, float low = -2, int upTo = 257) =>
        EveryLength(n => new OpCheck((_, x) => op(x[0]), x => reference(x[0]), OpInput.Random(new Shape(n), n, low)), upTo);

    private void Binary(BinaryOp op, Func<double[], double[], double[]> reference, int upTo = 257) =>
        EveryLength(
            n => new OpCheck(
                (_, x) => op(x[0], x[1]),
                x => reference(x[0], x[1]),
                OpInput.Random(new Shape(n), n),
                OpInput.Random(new Shape(n), 1000 + n)
            ),
            upTo
        );

    /// <summary>Short tensors are one chunk of work and use no kernel of a level: one device will do.</summary>
    private void EveryLength(Func<int, OpCheck> check, int upTo = 257)
    {
        for (int n = 1; n <= upTo; n++)
        {
            check(n).Correct(devices.Default);
        }
        check(Large).Run(devices);
    }
}
