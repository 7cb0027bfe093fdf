namespace Inkstone.Tensors.Tests;

/// <summary>Blocks that are computed twice, against the same blocks computed once.</summary>
public sealed class RecomputeTests : IDisposable
{
    private readonly Device _device = new(threads: 1);

    public void Dispose() => _device.Dispose();

    [Fact]
    public void A_result_in_another_shape_works() =>
        ShouldBeThatOfCalling(new Block(x => Ops.Exp(x).View(new Shape(3, 2))), (y, _) => Ops.Sum(Ops.Multiply(y, y)));

    /// <summary>As a balance loss does with the scores of a router.</summary>
    [Fact]
    public void What_a_block_hands_out_beside_its_result_brings_its_gradient_back() =>
        ShouldBeThatOfCalling(new Router(), (y, scores) => Ops.Add(Ops.Sum(Ops.Multiply(y, y)), Ops.Sum(Ops.Exp(scores))));

    [Fact]
    public void A_block_that_is_reached_by_what_it_hands_out_alone_is_computed_again() =>
        ShouldBeThatOfCalling(new Router(), (_, scores) => Ops.Sum(Ops.Exp(scores)));

    [Fact]
    public void A_block_without_a_gradient_is_not_computed_again()
    {
        Router router = new();
        using Tensor w = Tensor.From(_device, new Shape(2), [3f, 4f], requiresGrad: true);
        using StepScope step = _device.Step(record: true);
        Ops.Recompute(router, Ops.Scale(w, 1), 0);
        _device.Tape.Backward(Ops.Sum(w));
        router.Calls.ShouldBe(1);
    }

    [Fact]
    public void A_block_can_hold_blocks_that_are_computed_again() =>
        ShouldBeThatOfCalling(
            new Block(x => Ops.Recompute(new Block(inner => Ops.Silu(Ops.Exp(inner))), Ops.Scale(x, 0.5f), 0)),
            (y, _) => Ops.Sum(Ops.Multiply(y, y))
        );

    [Fact]
    public void What_it_was_given_is_no_result()
    {
        using Tensor w = Tensor.From(_device, new Shape(2), [3f, 4f], requiresGrad: true);
        using StepScope step = _device.Step(record: true);
        Tensor x = Ops.Scale(w, 1);
        Should.Throw<ArgumentException>(() => Ops.Recompute(new Block(given => given), x, 0)).Message.ShouldContain("call it directly");
        Should
            .Throw<ArgumentException>(() => Ops.Recompute(new Block(given => given.View(new Shape(2, 1))), x, 0))
            .Message.ShouldContain("call it directly");
    }

    [Fact]
    public void A_block_that_changes_its_mind_is_an_error()
    {
        int calls = 0;
        Should
            .Throw<InvalidOperationException>(() =>
                Gradient(
                    new Block(x =>
                    {
                        if (++calls == 1)
                        {
                            _device.Tape.AddSideOutput(Ops.Exp(x));
                        }
                        return Ops.Exp(x);
                    }),
                    (y, _) => Ops.Sum(y),
                    again: true
                )
            )
            .Message.ShouldContain("computed again");
    }

    private void ShouldBeThatOfCalling(IBlock<int> block, Func<Tensor, Tensor, Tensor> loss)
    {
        float[] expected = Gradient(block, loss, again: false);
        expected.ShouldNotContain(0);
        Gradient(block, loss, again: true).ShouldBe(expected);
    }

    private float[] Gradient(IBlock<int> block, Func<Tensor, Tensor, Tensor> loss, bool again)
    {
        using Tensor w = Tensor.From(_device, new Shape(2, 3), [0.3f, -0.4f, 0.5f, 1.5f, -2f, 0.1f], requiresGrad: true);
        using StepScope step = _device.Step(record: true);
        Tensor x = Ops.Scale(w, 2),
            y = again ? Ops.Recompute(block, x, 0) : block.Forward(x, 0);
        _device.Tape.Backward(loss(y, (block as Router)?.Scores!));
        return w.Grad!.Span.ToArray();
    }

    private sealed class Block(Func<Tensor, Tensor> forward) : IBlock<int>
    {
        public Tensor Forward(Tensor x, int context) => forward(x);
    }

    private sealed class Router : IBlock<int>
    {
        public Tensor? Scores { get; private set; }

        public int Calls { get; private set; }

        public Tensor Forward(Tensor x, int context)
        {
            Calls++;
            Scores = Ops.Silu(x);
            x.Device.Tape.AddSideOutput(Scores);
            return Ops.Exp(Scores);
        }
    }
}
