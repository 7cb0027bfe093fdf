using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Filters that responses go through one after the other, under one name.</summary>
/// <param name="Name">stands behind the comma in the names of scores</param>
/// <param name="Steps">from the responses of one request to what is made of them</param>
internal sealed record FilterPipeline(string Name, IReadOnlyList<ResponseFilter> Steps)
{
    public static IReadOnlyList<FilterPipeline> Read(TaskConfig config)
    {
        if (config.Get("filter_list") is not ListValue list)
        {
            return [new FilterPipeline("none", [ResponseFilters.TakeFirst])];
        }
        return
        [
            .. list
                .Elements.OfType<DictValue>()
                .Select(p => new FilterPipeline(
                    p.Text("name") ?? throw new InvalidDataException($"{config.Place}: a filter of filter_list has no name."),
                    [
                        .. (p.Get("filter") as ListValue)?.Elements.OfType<DictValue>().Select(f => ResponseFilters.Named(f, config.Place))
                            ?? [],
                    ]
                )),
        ];
    }

    public void Apply(IEnumerable<Request> requests)
    {
        foreach (Request request in requests)
        {
            Value value = new ListValue([.. request.Responses]);
            foreach (ResponseFilter step in Steps)
            {
                value = step(value, request.Document);
            }
            request.Filtered[Name] = value;
        }
    }
}
