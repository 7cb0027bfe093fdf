namespace Inkstone.Models;

/// <summary>A number that an optimizer step reports beside its loss, such as a balance loss, the load of a router or a part of an
/// objective.</summary>
/// <param name="name">as logs call it</param>
public sealed class Metric(string name)
{
    private double _sum,
        _count;

    /// <summary>As logs call it.</summary>
    public string Name => name;

    /// <summary>Its name among the curves of a training run.</summary>
    public string Tag { get; } = "model/" + name;

    /// <summary>Its value in the last whole step; NaN before the first.</summary>
    public double Value { get; private set; } = double.NaN;

    /// <summary>Adds a micro-batch's part.</summary>
    /// <param name="part">what it adds to the sum</param>
    /// <param name="count">what it adds to the number that the sum is divided by; 0 in all parts: the value is the sum itself</param>
    public void Add(double part, double count = 0) => (_sum, _count) = (_sum + part, _count + count);

    /// <summary>What was added since the last call, taken off again: to be added in another order, or by another process.</summary>
    public (double Part, double Count) Take()
    {
        (double, double) taken = (_sum, _count);
        (_sum, _count) = (0, 0);
        return taken;
    }

    /// <summary>The step is whole: the sum of its parts, or their mean, is the value.</summary>
    public void Close() => (Value, _sum, _count) = (_count > 0 ? _sum / _count : _sum, 0, 0);
}
