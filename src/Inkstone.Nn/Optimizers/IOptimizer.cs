using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Changes parameters along their gradients.</summary>
public interface IOptimizer
{
    /// <summary>Steps taken; part of what a checkpoint keeps.</summary>
    long StepCount { get; set; }

    /// <summary>One step.</summary>
    /// <param name="multiple">multiple of the optimizer's peak learning rate, from <see cref="LearningRate.At"/></param>
    /// <param name="gradientScale">factor on all gradients, from <see cref="GradientClip.Factor"/></param>
    void Step(double multiple, double gradientScale = 1);

    /// <summary>What a checkpoint keeps beside the weights, e.g. <c>exp_avg.lm_head.weight</c>.</summary>
    IEnumerable<Parameter> State { get; }
}
