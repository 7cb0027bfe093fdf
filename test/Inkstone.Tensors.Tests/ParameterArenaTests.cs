namespace Inkstone.Tensors.Tests;

/// <summary>Flat buffers of weights and gradients, and passes over many parameters.</summary>
[Collection(DeviceSuite.Name)]
public sealed class ParameterArenaTests(Devices devices)
{
    private static readonly Shape[] Shapes = [new(7), new(33, 5), new(1), new(40_000), new(3, 4, 5)];

    [Fact]
    public void Parameters_and_gradients_become_views_in_the_order_of_their_groups()
    {
        Tensor[] parameters = Parameters();
        float[][] before = [.. parameters.Select(p => p.Span.ToArray())];
        Backward(parameters[0], 3); // one gradient is there before the move
        ParameterArena arena = ParameterArena.Place(parameters, i => parameters[i].Shape.Rank >= 2 ? 0 : 1)!;

        arena.Parameters.ShouldBe([parameters[1], parameters[4], parameters[0], parameters[2], parameters[3]]);
        arena.Groups.ShouldBe([new FlatRange(0, 176 + 64), new FlatRange(240, 16 + 16 + 40_000)]);
        arena.Length.ShouldBe(arena.Groups[^1].End);
        parameters.Select(p => p.Span.ToArray()).ShouldBe(before);
        parameters[0].Grad!.Span.ToArray().ShouldAllBe(g => g == 3);
        Backward(parameters[4], 2);
        arena.CompleteGradients();
        arena.HostGradients(new FlatRange(0, arena.Length)).ToArray().Sum().ShouldBe(3 * 7 + 2 * 60);
        arena.HostGradients(new FlatRange(176, 60)).ToArray().ShouldAllBe(g => g == 2);
        arena.HostWeights(new FlatRange(176, 60)).ToArray().ShouldBe(before[4]);
        parameters.ShouldAllBe(p => ParameterArena.Find(p) == arena && p.Grad != null);
        ParameterArena.Place(parameters, _ => 0).ShouldBeNull("they lie in one already");
        Array.ForEach(parameters, p => p.Dispose());
        Should.Throw<ObjectDisposedException>(() => arena.HostWeights(new FlatRange(0, 16)).Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(5000)]
    public void Slices_are_equal_and_end_on_cache_lines(int n)
    {
        ParameterArena arena = ParameterArena.Place(Parameters(), _ => 0)!;
        FlatRange[] slices = arena.Slices(n);
        slices.Length.ShouldBe(n);
        (slices[0].Start, slices[^1].End).ShouldBe((0, arena.Length));
        slices.Zip(slices.Skip(1)).ShouldAllBe(pair => pair.First.End == pair.Second.Start);
        slices.ShouldAllBe(s => s.Start % FlatTensors.Line == 0);
        (slices.Max(s => s.Length) - slices.Min(s => s.Length)).ShouldBeLessThanOrEqualTo(FlatTensors.Line);
    }

    [Fact]
    public void What_is_not_trained_stays_outside()
    {
        Device device = devices.Default;
        Tensor frozen = Tensor.Allocate(device, new Shape(4)),
            blocks = Tensor.Allocate(device, new Shape(2, 32), DType.Q8_0),
            half = Tensor.Allocate(device, new Shape(2), DType.BFloat16);
        ParameterArena.Place([frozen, blocks, half], _ => 0).ShouldBeNull();
    }

    [Fact]
    public void A_pass_over_a_list_gives_the_bits_of_one_tensor_after_the_other()
    {
        Tensor[] one = Parameters(),
            all = Parameters();
        ParameterArena.Place(all, i => i % 2);
        Tensor[][] moments = [.. Enumerable.Range(0, 2).Select(_ => Parameters(1e-3f))],
            flat = [.. Enumerable.Range(0, 2).Select(_ => Parameters(1e-3f))];
        double norm = 0;
        AdamWCoefficients c = new(1e-2, 0.9, 0.95, 1e-8, 0.1, 0.19, 0.0975, 0.5);
        for (int i = 0; i < one.Length; i++)
        {
            if (i != 2) // no gradient reaches it
            {
                Backward(one[i], 0.1f * (i + 1));
                Backward(all[i], 0.1f * (i + 1));
                norm += Ops.SquaredNorm(one[i].Grad!);
                Ops.AdamWStep(one[i], one[i].Grad!, moments[0][i], moments[1][i], one[i].Shape.Rank >= 2 ? c : c with { WeightDecay = 0 });
            }
        }
        TensorList list = new(all);
        Ops.SquaredNorm(list).ShouldBe(norm);
        Ops.AdamWStep(
            list,
            new TensorList(flat[0]),
            new TensorList(flat[1]),
            [.. Enumerable.Range(0, list.Count).Select(i => list[i].Shape.Rank >= 2)],
            c
        );
        all.Concat(flat[0])
            .Concat(flat[1])
            .Select(t => t.Span.ToArray())
            .ShouldBe(one.Concat(moments[0]).Concat(moments[1]).Select(t => t.Span.ToArray()));
        Ops.SquaredNorm(new TensorList([])).ShouldBe(0);
    }

    private Tensor[] Parameters(float size = 1)
    {
        Tensor[] parameters = [.. Shapes.Select(s => Tensor.Allocate(devices.Default, s, requiresGrad: true))];
        for (int i = 0; i < parameters.Length; i++)
        {
            new PhiloxRandom(3, (ulong)i).FillUniform(parameters[i].Span, 0.5f * size, size);
        }
        return parameters;
    }

    /// <summary>Adds <paramref name="value"/> to every element of the gradient.</summary>
    private static void Backward(Tensor parameter, float value)
    {
        Tensor gradient = parameter.AddGrad(out bool accumulate);
        accumulate.ShouldBeFalse();
        gradient.Span.Fill(value);
    }
}
