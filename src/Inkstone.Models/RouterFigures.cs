using Inkstone.Nn;

namespace Inkstone.Models;

/// <summary>Load of routers in the logs: choices of the most and of the least chosen expert of each sparse layer, relative to the mean.</summary>
public sealed class RouterFigures
{
    private readonly (ExpertRouter Router, StepFigure Most, StepFigure Least)[] _layers;

    /// <summary>Figures of some layers' routers.</summary>
    public RouterFigures(IEnumerable<(int Layer, ExpertRouter Router)> routers)
        => _layers = [.. routers.Select(r => (r.Router, new StepFigure($"router_most.{r.Layer}"), new StepFigure($"router_least.{r.Layer}")))];

    /// <summary>All of them.</summary>
    public IEnumerable<StepFigure> All => _layers.SelectMany(l => new[] { l.Most, l.Least });

    /// <summary>Closes the step of every router.</summary>
    public void StepEnded(double biasRate = 0)
    {
        foreach ((ExpertRouter router, StepFigure most, StepFigure least) in _layers)
        {
            router.StepEnded(biasRate);
            most.Add(router.MostLoad);
            least.Add(router.LeastLoad);
        }
    }
}
