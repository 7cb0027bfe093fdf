using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>Reads YAML files whose keys are not those of a training.</summary>
public static class YamlFile
{
    /// <summary>A file as JSON, by YAML's core schema.</summary>
    /// <param name="path">the file; one mapping</param>
    /// <exception cref="InvalidDataException">It is no YAML, or no mapping, or a key stands there twice; the message names the
    /// line.</exception>
    public static JsonObject Read(string path)
    {
        YamlStream stream = [];
        try
        {
            using StreamReader reader = new(path);
            stream.Load(reader);
        }
        catch (YamlException e)
        {
            throw new InvalidDataException($"{path}:{e.Start.Line}: this is not valid YAML: {e.Message}", e);
        }
        return stream.Documents.Count == 0
            ? []
            : YamlJson.Convert(stream.Documents[0].RootNode) as JsonObject
                ?? throw new InvalidDataException($"{path}: the file must be a list of keys such as 'name:'; it is something else");
    }
}
