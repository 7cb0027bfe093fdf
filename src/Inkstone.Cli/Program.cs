using Inkstone.Cli;

CliCommand ink = new(
    "ink",
    "from raw text to a language model of your own, on this machine",
    [
        Quickstart.Create(),
        new CliCommand(
            "data",
            "make text fit to learn from",
            [
                DataPrepare.Create(),
                DataDedup.Create(),
                DataWiki.Create(),
                DataConvertScript.Create(),
                DataFetch.Create(),
                DataMix.Create(),
                DataInstructIe.Create(),
                DataShow.Create(),
                DataExport.Create(),
                DataWorld.Create(),
            ],
            "ink data prepare --input articles.jsonl --out text",
            "ink data prepare --input poems.jsonl --text-key title,paragraphs --out text"
        ),
        new CliCommand(
            "model",
            "models that others have made",
            [ModelFetch.Create()],
            "ink model fetch --list",
            "ink model fetch Qwen/Qwen2.5-0.5B-Instruct"
        ),
        new CliCommand(
            "tokenizer",
            "learn and use tokenizers",
            [TokenizerTrain.Create(), TokenizerEncode.Create(), TokenizerDecode.Create(), TokenizerInspect.Create()],
            "ink tokenizer train --input corpus.txt --vocab-size 6400 --out tok",
            "ink tokenizer encode --tokenizer tok --text \"hello\""
        ),
        Tokenize.Create(),
        new CliCommand(
            "template",
            "conversations as the text that a model sees",
            [TemplateRender.Create()],
            "ink template render --template tok --messages messages.json",
            "ink template render --template chat_template.jinja --messages messages.json --add-generation-prompt"
        ),
        PretrainCommand.Create(),
        SftCommand.Create(),
        DpoCommand.Create(),
        GrpoCommand.Create(),
        GrpoCommand.CreatePpo(),
        RewardCommand.Create(),
        DistillCommand.Create(),
        CompareCommand.Create(),
        Merge.Create(),
        New.Create(),
        Inspect.Create(),
        ConvertCommand.Create(),
        Logits.Create(),
        Perplexity.Create(),
        Generate.Create(),
        Chat.Create(),
        SampleCommand.Create(),
        Evaluate.Create(),
        ReportCommand.Create(),
        StudioCommand.Create(),
        Serve.Create(),
        SmokeCommand.Create(),
        SoakCommand.Create(),
        PlanCommand.Create(),
        Verify.Create(),
        RunPipeline.Create(),
        SchemaCommand.Create(),
        new CliCommand(
            "bench",
            "measures this machine",
            [
                BenchKernels.Create(),
                BenchTrain.Create(),
                BenchGenerate.Create(),
                BenchIndexer.Create(),
                BenchGrammar.Create(),
                BenchServe.Create(),
                BenchEvaluate.Create(),
                BenchCollective.Create(),
                BenchMemory.Create(),
            ],
            "ink bench kernels --config microlm-31m",
            "ink bench train --config microlm-31m --precision bf16"
        ),
    ],
    "ink quickstart --out first-model",
    "ink pretrain poems --out runs/poems"
);
return new CommandHost(ink).Run(args);
