namespace Inkstone.Formats;

/// <summary>What a file makes of one kind of parameter, both ways.</summary>
/// <param name="View">from config.json, the parameter's sizes and its name for messages to the view that the file holds</param>
/// <param name="ParameterShape">from config.json and the file's sizes to the parameter's; null: they are the same</param>
public sealed record GgufLayout(Func<HfConfig, long[], string, GgufView> View, Func<HfConfig, long[], long[]>? ParameterShape = null)
{
    /// <summary>As it is.</summary>
    public static GgufLayout Same { get; } = new((_, shape, _) => GgufView.Whole(shape));

    /// <summary>Weights of a norm that multiplies by 1 + w: files hold 1 + w.</summary>
    public static GgufLayout PlusOne { get; } = new((_, shape, _) => GgufView.Whole(shape) with { Added = 1 });

    /// <summary>[1, width] as a vector.</summary>
    public static GgufLayout Vector { get; } = new((_, shape, _) => GgufView.Whole([shape[^1]]), (_, shape) => [1, shape[^1]]);

    /// <summary>
    /// Rows of q or k for models whose rotary pairs lie side by side in llama.cpp and half a head apart in Hugging Face: files hold row (j,
    /// half) of each head
    /// where the parameter has (half, j).
    /// </summary>
    /// <param name="heads">number of heads that the rows are</param>
    public static GgufLayout Interleaved(Func<HfConfig, int> heads) =>
        new(
            (config, shape, name) =>
            {
                int count = heads(config);
                if (shape.Length == 0 || shape[0] % (2L * count) != 0)
                {
                    throw new InvalidDataException($"{name} is [{string.Join(", ", shape)}], which cannot be cut into {count} heads.");
                }
                long half = shape[0] / count / 2,
                    width = shape.Length == 1 ? 1 : shape[1];
                long[] sizes = [count, half, 2],
                    strides = [2 * half * width, width, half * width];
                return shape.Length == 1 ? new GgufView(shape, sizes, strides) : new GgufView(shape, [.. sizes, width], [.. strides, 1]);
            }
        );
}

/// <summary>A parameter and its tensor in a file. A star stands for a number: the layer, and then the expert, where a file has all experts
/// in one tensor [experts, …].</summary>
/// <param name="File">GGUF's name, as <c>blk.*.attn_q.weight</c></param>
/// <param name="Parameter">Hugging Face's, as <c>model.layers.*.self_attn.q_proj.weight</c>; several tensors may be parts of one
/// parameter</param>
/// <param name="Layout">how the one lies in the other</param>
public sealed record GgufTensorRule(string File, string Parameter, GgufLayout Layout)
{
    /// <summary>Whether files may have it, but none is written so.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether the file's tensor holds one parameter for each expert.</summary>
    public bool Stacked => Parameter.Count(c => c == '*') > File.Count(c => c == '*');

    /// <summary>A weight of a layer.</summary>
    /// <param name="file">GGUF's name within <c>blk.*.</c></param>
    /// <param name="parameter">Hugging Face's within <c>model.layers.*.</c></param>
    /// <param name="layout">null: <see cref="GgufLayout.Same"/></param>
    public static GgufTensorRule Weight(string file, string parameter, GgufLayout? layout = null) =>
        InLayer($"{file}.weight", $"{parameter}.weight", layout);

    /// <summary>A bias of a layer.</summary>
    public static GgufTensorRule Bias(string file, string parameter, GgufLayout? layout = null) =>
        InLayer($"{file}.bias", $"{parameter}.bias", layout);

    /// <summary>A parameter of a layer by its whole names.</summary>
    public static GgufTensorRule InLayer(string file, string parameter, GgufLayout? layout = null) =>
        new($"blk.*.{file}", $"model.layers.*.{parameter}", layout ?? GgufLayout.Same);

    /// <summary>A name with stars for its numbers, and the numbers.</summary>
    public static (string Pattern, int[] Numbers) Pattern(string name)
    {
        string[] parts = name.Split('.');
        List<int> numbers = [];
        for (int i = 0; i < parts.Length; i++)
        {
            if (
                int.TryParse(
                    parts[i],
                    System.Globalization.NumberStyles.None,
                    System.Globalization.CultureInfo.InvariantCulture,
                    out int number
                )
            )
            {
                numbers.Add(number);
                parts[i] = "*";
            }
        }
        return (string.Join('.', parts), [.. numbers]);
    }

    /// <summary>A pattern with numbers in the places of its stars.</summary>
    public static string Fill(string pattern, params ReadOnlySpan<int> numbers)
    {
        string[] parts = pattern.Split('*');
        System.Text.StringBuilder name = new(parts[0]);
        for (int i = 1; i < parts.Length; i++)
        {
            name.Append(System.Globalization.CultureInfo.InvariantCulture, $"{numbers[i - 1]}{parts[i]}");
        }
        return name.ToString();
    }
}
