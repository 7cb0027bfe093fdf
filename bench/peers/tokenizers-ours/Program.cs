// What tokenizers-bench.mjs runs for this project: prints one JSON line with the seconds that the work itself took.
//   train CORPUS VOCABULARY PATTERN OUT     encode TOKENIZER TEXT     worst TOKENIZER
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Inkstone.Text;

switch (args[0])
{
    case "train":
        var clock = Stopwatch.StartNew();
        TimeSpan counted = default;
        var options = new BpeTrainerOptions(int.Parse(args[2], CultureInfo.InvariantCulture), Enum.Parse<SplitPattern>(args[3], ignoreCase: true), InitialAlphabet: false);
        Tokenizer trained = BpeTrainer.Train([args[1]], options, new AtOnce(p => counted = p.Stage == BpeStage.Count ? clock.Elapsed : counted));
        trained.Save(args[4]);
        Print(("seconds", clock.Elapsed.TotalSeconds), ("counting", counted.TotalSeconds), ("peakMB", Process.GetCurrentProcess().PeakWorkingSet64 / 1e6));
        break;
    case "encode":
        byte[] text = File.ReadAllBytes(args[2]);
        Tokenizer.Load(args[1]).Encode(text.AsSpan(0, Math.Min(text.Length, 1 << 16)), false, []); // let the compiler have run
        Tokenizer tokenizer = Tokenizer.Load(args[1]); // and begin with an empty cache
        var ids = new List<int>(text.Length);
        clock = Stopwatch.StartNew();
        tokenizer.Encode(text, addSpecialTokens: false, ids);
        double cold = clock.Elapsed.TotalSeconds;
        int count = ids.Count;
        ids.Clear();
        clock.Restart();
        tokenizer.Encode(text, addSpecialTokens: false, ids);
        Print(("seconds", cold), ("again", clock.Elapsed.TotalSeconds), ("megabytes", text.Length / 1e6), ("tokens", count));
        break;
    case "worst":
        tokenizer = Tokenizer.Load(args[1]);
        clock = Stopwatch.StartNew();
        int[] worst = tokenizer.Encode(new string('a', 1_000_000));
        Print(("seconds", clock.Elapsed.TotalSeconds), ("tokens", worst.Length));
        break;
    default:
        throw new ArgumentException($"'{args[0]}' is none of train, encode, worst.");
}

static void Print(params (string Name, double Value)[] figures) => Console.WriteLine(JsonSerializer.Serialize(figures.ToDictionary(f => f.Name, f => Math.Round(f.Value, 4))));

/// <summary>Progress without a synchronisation context.</summary>
internal sealed class AtOnce(Action<BpeProgress> report) : IProgress<BpeProgress>
{
    public void Report(BpeProgress value) => report(value);
}
