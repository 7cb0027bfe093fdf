using Inkstone.Cli;

return new Frame(new Verb("ink", "from raw text to a language model of your own, on this machine", [],
    "ink quickstart --out first-model", "ink pretrain poems --out runs/poems")).Run(args);
