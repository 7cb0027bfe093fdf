// What tokenizers-bench.mjs runs for this project: prints one JSON line with the seconds that the work itself took.
//   train CORPUS VOCABULARY OUT     encode TOKENIZER TEXT WARM_UP     worst TOKENIZER
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Inkstone.Text;

switch (args[0])
{
    case "train":
        Stopwatch clock = Stopwatch.StartNew();
        BpeTrainerOptions options = new(int.Parse(args[2], CultureInfo.InvariantCulture), SplitPattern.Gpt2, InitialAlphabet: false);
        BpeTrainer.Train([args[1]], options).Save(args[3]);
        Print(("seconds", clock.Elapsed.TotalSeconds), ("peak_megabytes", Process.GetCurrentProcess().PeakWorkingSet64 / 1e6));
        break;
    case "encode":
        // The compiler warms up on other text; each run then is a new tokenizer, whose word cache is empty. The best of five counts.
        byte[] text = File.ReadAllBytes(args[2]);
        byte[] other = File.ReadAllBytes(args[3]);
        List<int> ids = new(text.Length);
        for (int i = 0; i < 2; i++)
        {
            Tokenizer.Load(args[1]).Encode(other.AsSpan(0, Math.Min(other.Length, 4_000_000)), addSpecialTokens: false, ids);
            Thread.Sleep(200);
        }
        double best = double.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            Tokenizer tokenizer = Tokenizer.Load(args[1]);
            ids.Clear();
            clock = Stopwatch.StartNew();
            tokenizer.Encode(text, addSpecialTokens: false, ids);
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }
        Print(("seconds", best), ("megabytes_per_second", text.Length / 1e6 / best), ("tokens", ids.Count));
        break;
    case "worst":
        Tokenizer worst = Tokenizer.Load(args[1]);
        string hard = new('明', 333_333); // one word of a megabyte
        clock = Stopwatch.StartNew();
        int[] made = worst.Encode(hard);
        Print(("seconds", clock.Elapsed.TotalSeconds), ("tokens", made.Length));
        break;
    default:
        throw new ArgumentException($"'{args[0]}' is none of train, encode, worst.");
}

static void Print(params (string Name, double Value)[] figures) =>
    Console.WriteLine(JsonSerializer.Serialize(figures.ToDictionary(f => f.Name, f => Math.Round(f.Value, 4))));
