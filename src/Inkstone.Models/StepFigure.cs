namespace Inkstone.Models;

/// <summary>A number that a model reports of each optimizer step beside its loss, such as a balance loss or the load of a router.</summary>
/// <param name="name">as logs call it</param>
public sealed class StepFigure(string name)
{
    private double _sum;

    /// <summary>As logs call it.</summary>
    public string Name => name;

    /// <summary>Its name among the curves of a training run.</summary>
    public string Tag { get; } = "model/" + name;

    /// <summary>Its value in the last whole step.</summary>
    public double Value { get; private set; } = double.NaN;

    /// <summary>Adds a micro-batch's part.</summary>
    public void Add(double part) => _sum += part;

    /// <summary>The step is whole: the sum of its parts is the value.</summary>
    public void Close() => (Value, _sum) = (_sum, 0);
}
