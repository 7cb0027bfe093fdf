namespace Inkstone.Text;

/// <summary>Metaspace: marks become spaces, but those of the first token vanish unless nothing was prepended.</summary>
internal sealed class MetaspaceDecoderStep(char mark, PrependScheme scheme) : DecoderStep
{
    public override string Inside(string token) => token.Replace(mark, ' ');

    public override TokenStage Start(TokenStage next, bool fused) => new Stage(this, fused, next);

    private sealed class Stage(MetaspaceDecoderStep step, bool fused, TokenStage next) : TokenStage
    {
        private bool _first = true;

        public override void Add(ReadOnlySpan<char> token)
        {
            string text = token.ToString();
            next.Add(
                _first && step.Scheme != PrependScheme.Never ? text.Replace(step.Mark, "", StringComparison.Ordinal) : step.Inside(text)
            );
            _first = fused;
        }

        public override void End()
        {
            _first = true;
            next.End();
        }
    }

    private string Mark { get; } = mark.ToString();

    private PrependScheme Scheme => scheme;
}

/// <summary>BPEDecoder: the mark at the end of words becomes a space, except in the last token.</summary>
internal sealed class SuffixStep(string suffix) : DecoderStep
{
    public override string Inside(string token) => Spaced(token, " ");

    public override TokenStage Start(TokenStage next, bool fused) =>
        fused ? new WholeStage(token => Spaced(token, ""), next) : new Stage(this, next);

    private string Suffix => suffix;

    private string Spaced(string token, string space) =>
        suffix.Length == 0 ? token : token.Replace(suffix, space, StringComparison.Ordinal);

    private sealed class Stage(SuffixStep step, TokenStage next) : TokenStage
    {
        private string? _last;

        public override void Add(ReadOnlySpan<char> token)
        {
            if (_last != null)
            {
                next.Add(step.Spaced(_last, " "));
            }
            _last = token.ToString();
        }

        public override void End()
        {
            if (_last != null)
            {
                next.Add(step.Spaced(_last, ""));
            }
            _last = null;
            next.End();
        }

        public override void Settle()
        {
            if (_last != null)
            {
                next.Add(step.Spaced(_last, ""));
                _last = step.Spaced(_last, "") == _last ? null : step.Suffix; // its space stands before what follows
            }
            next.Settle();
        }
    }
}

/// <summary>WordPiece: tokens that begin with the prefix go on with the word, others begin one; cleanup takes spaces before English
/// punctuation away.</summary>
internal sealed class WordPieceStep(string prefix, bool cleanup) : DecoderStep
{
    private static readonly (string Text, string Content)[] Cleanups =
    [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];

    public override string Inside(string token) =>
        Clean(token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token);

    public override TokenStage Start(TokenStage next, bool fused) => fused ? new WholeStage(Clean, next) : new Stage(this, next);

    private string Clean(string token) =>
        cleanup ? Cleanups.Aggregate(token, (text, c) => text.Replace(c.Text, c.Content, StringComparison.Ordinal)) : token;

    private sealed class Stage(WordPieceStep step, TokenStage next) : TokenStage
    {
        private bool _first = true;

        public override void Add(ReadOnlySpan<char> token)
        {
            next.Add(_first ? step.Clean(token.ToString()) : step.Inside(token.ToString()));
            _first = false;
        }

        public override void End()
        {
            _first = true;
            next.End();
        }
    }
}

/// <summary>Fuse: all tokens become one.</summary>
internal sealed class FuseStep : DecoderStep
{
    public override bool Fuses => true;

    public override string Inside(string token) => token;

    public override TokenStage Start(TokenStage next, bool fused) => next;
}

/// <summary>What stands where tokenizer.json has no decoder: a space between tokens.</summary>
internal sealed class SpacesStep : DecoderStep
{
    public override string Inside(string token) => token;

    public override TokenStage Start(TokenStage next, bool fused) => new Stage(next);

    private sealed class Stage(TokenStage next) : TokenStage
    {
        private bool _first = true;

        public override void Add(ReadOnlySpan<char> token)
        {
            if (!_first)
            {
                next.Add(" ");
            }
            next.Add(token);
            _first = false;
        }

        public override void End()
        {
            _first = true;
            next.End();
        }
    }
}
