using System.Globalization;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// optimizer.state, a safetensors file: every moment under its parameter's name, the step counts as metadata. Its ending is another one
/// because
/// loaders take every *.safetensors of a directory for weights.
/// </summary>
internal static class OptimizerState
{
    /// <summary>Name of the file in a checkpoint.</summary>
    public const string FileName = "optimizer.state";

    /// <summary>Its name in checkpoints of earlier versions, which are read all the same.</summary>
    private const string EarlierName = "optimizer.safetensors";

    /// <summary>Writes the state of all optimizers of a run.</summary>
    public static void Write(string checkpoint, IReadOnlyList<IOptimizer> optimizers) =>
        Write(checkpoint, [.. optimizers.Select(o => (o.StepCount, o.State))]);

    /// <summary>The same of states that were gathered from several processes.</summary>
    public static void Write(string checkpoint, IReadOnlyList<(long StepCount, IEnumerable<Parameter> State)> optimizers)
    {
        List<NamedTensor> tensors = [];
        Dictionary<string, string> metadata = [];
        for (int i = 0; i < optimizers.Count; i++)
        {
            metadata[Key(i)] = optimizers[i].StepCount.ToString(CultureInfo.InvariantCulture);
            foreach (Parameter p in optimizers[i].State)
            {
                tensors.Add(new NamedTensor(p.Name, p.Tensor));
            }
        }
        SafetensorsWriter.Write(Path.Combine(checkpoint, FileName), tensors, metadata);
    }

    /// <summary>Reads it back into optimizers of the same kind and shapes.</summary>
    /// <exception cref="InvalidDataException">The file belongs to another optimizer or model.</exception>
    public static void Read(string checkpoint, IReadOnlyList<IOptimizer> optimizers)
    {
        string path = Path.Combine(checkpoint, FileName),
            earlier = Path.Combine(checkpoint, EarlierName);
        path = !File.Exists(path) && File.Exists(earlier) ? earlier : path;
        using SafetensorsFile file = SafetensorsFile.Open(path);
        for (int i = 0; i < optimizers.Count; i++)
        {
            if (
                !file.Metadata.TryGetValue(Key(i), out string? text)
                || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long steps)
            )
            {
                throw new InvalidDataException(
                    $"{path} was written by another optimizer; resume with the recipe's optimizer.name as it was"
                );
            }
            optimizers[i].StepCount = steps;
            if (optimizers[i] is ShardedOptimizer sharded)
            {
                sharded.Read(ReadInto);
                continue;
            }
            foreach (Parameter p in optimizers[i].State)
            {
                ReadInto(p.Name, p.Tensor);
            }
        }

        void ReadInto(string name, Tensor tensor)
        {
            if (!file.Contains(name))
            {
                throw new InvalidDataException($"{path} lacks {name}; resume with the recipe's optimizer.name and model as they were");
            }
            file.ReadInto(name, tensor);
        }
    }

    private static string Key(int optimizer) => string.Create(CultureInfo.InvariantCulture, $"steps.{optimizer}");
}
