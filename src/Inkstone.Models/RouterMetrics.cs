using Inkstone.Nn;

namespace Inkstone.Models;

/// <summary>Load of routers in the logs: choices of the most and of the least chosen expert of each sparse layer, relative to the
/// mean.</summary>
internal sealed class RouterMetrics
{
    private readonly (ExpertRouter Router, Metric Most, Metric Least)[] _layers;

    /// <summary>Metrics of some layers' routers.</summary>
    public RouterMetrics(IEnumerable<(int Layer, ExpertRouter Router)> routers) =>
        _layers = [.. routers.Select(r => (r.Router, new Metric($"router_most.{r.Layer}"), new Metric($"router_least.{r.Layer}")))];

    /// <summary>All of them.</summary>
    public IEnumerable<Metric> All => _layers.SelectMany(l => new[] { l.Most, l.Least });

    /// <summary>Closes the step of every router.</summary>
    public void AfterStep(double biasRate = 0)
    {
        foreach ((ExpertRouter router, Metric most, Metric least) in _layers)
        {
            router.AfterStep(biasRate);
            most.Add(router.MostLoad);
            least.Add(router.LeastLoad);
        }
    }
}
