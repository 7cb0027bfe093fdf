// A byte-level BPE tokenizer: trained, used, saved as a Hugging Face tokenizer.json, and read back.
using Inkstone.Text;

string[] texts =
[
    .. Enumerable.Range(0, 50).SelectMany(i => (string[])["The ink is black.", "The paper is white.", "墨是黑的，纸是白的。"]),
];
Tokenizer tokenizer = BpeTrainer.TrainText(texts, new BpeTrainerOptions(320, SpecialTokens: ["<|endoftext|>"]));

int[] ids = tokenizer.Encode("The ink is white. 墨！<|endoftext|>");
Console.WriteLine($"{ids.Length} tokens: {string.Join(" ", ids.Select(tokenizer.IdToToken))}");
Console.WriteLine(tokenizer.Decode(ids));
Console.WriteLine(tokenizer.Decode(ids, skipSpecialTokens: true));

// A character may take several tokens: a stream hands it out when it is whole.
StreamDecoder stream = new(tokenizer);
Console.WriteLine(string.Join("|", ids.Select(stream.Add)) + stream.Flush());

tokenizer.Save("tokenizer");
Console.WriteLine(
    Tokenizer.Load("tokenizer").Encode("The ink").SequenceEqual(tokenizer.Encode("The ink")) ? "read back: the same" : "read back: another"
);
