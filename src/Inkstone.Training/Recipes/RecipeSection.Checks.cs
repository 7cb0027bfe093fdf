using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Files;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

internal sealed partial class RecipeSection
{
    /// <summary>Notes that something is missing. It is reported by <see cref="Close"/>, after misspelt keys: those are the likelier
    /// mistake.</summary>
    public void Require(bool holds, string key, string what)
    {
        if (!holds)
        {
            _missing.Add(Find(key) is { } node ? Wrong(node, key, what) : new InvalidDataException($"{_file}: {PathOf(key)} {what}"));
        }
    }

    /// <summary>Refuses keys that were not asked for, here and in every section below, then what was required and is missing.</summary>
    public void Close()
    {
        CheckKeys();
        if (FirstMissing() is { } missing)
        {
            throw missing;
        }
    }

    private InvalidDataException? FirstMissing() =>
        _missing.FirstOrDefault()
        ?? _read.Select(r => (r.Value as RecipeSection)?.FirstMissing()).FirstOrDefault(fault => fault is not null);

    private void CheckKeys()
    {
        foreach ((YamlNode key, YamlNode value) in _node.Children)
        {
            string name = (key as YamlScalarNode)?.Value ?? "";
            if (!_read.Exists(r => r.Key == name))
            {
                throw new InvalidDataException($"{Where(key, name)}: there is no recipe key '{PathOf(name)}'{Suggest(name)}");
            }
        }
        foreach ((_, object? value) in _read)
        {
            (value as RecipeSection)?.CheckKeys();
        }
    }

    private string Suggest(string name) =>
        Spelling.Nearest(name, _read.Select(r => r.Key).Concat(_alsoKnown)) is { } near
            ? $" (did you mean '{PathOf(near)}'?)"
            : $" (known here: {string.Join(", ", _read.Select(r => r.Key))})";
}
