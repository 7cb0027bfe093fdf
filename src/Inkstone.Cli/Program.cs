using Inkstone.Cli;

Verb ink = new("ink", "from raw text to a language model of your own, on this machine",
[
    new Verb("tokenizer", "learn and use tokenizers",
        [TokenizerTrain.Create(), TokenizerEncode.Create(), TokenizerDecode.Create(), TokenizerInspect.Create()],
        "ink tokenizer train --input corpus.txt --vocab-size 6400 --out tok", "ink tokenizer encode --tokenizer tok --text \"hello\""),
    PretrainVerb.Create(),
    New.Create(),
    Inspect.Create(),
    Logits.Create(),
    Perplexity.Create(),
    Generate.Create(),
    Chat.Create(),
    Verify.Create(),
], "ink quickstart --out first-model", "ink pretrain poems --out runs/poems");
return new Frame(ink).Run(args);
