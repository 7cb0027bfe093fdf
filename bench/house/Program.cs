using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

// How the house looks to who would live in it: sizes of files and methods, public types, what is documented, what breaks the style. One
// column a directory of sources.
//   dotnet run -c Release --project bench/house                          this repository's src
//   dotnet run -c Release --project bench/house -- ../earlier/src src    beside an earlier one
string[] places = args.Length > 0 ? args : [Path.Combine(Root(), "src")];
House[] houses = [.. places.Select(place => new House(place))];
Console.WriteLine($"| measure | {string.Join(" | ", places)} |\n| --- |{string.Concat(places.Select(_ => " --- |"))}");
Row("source files", h => Count(h.Files.Length));
Row("lines of a file, p50 / p90", h => Percentiles(h.Files.Select(Lines)));
Row(
    "lines of a method, p50 / p90",
    h =>
        Percentiles(
            h.All.OfType<BaseMethodDeclarationSyntax>().Where(m => m.Body is not null || m.ExpressionBody is not null).Select(Lines)
        )
);
Row("files above 300 lines", h => Count(h.Files.Count(f => Lines(f) > 300)));
Row("lines above 140 columns", h => Count(h.Files.Sum(f => f.GetText().Lines.Count(l => l.Span.Length > 140))));
Row("public types", h => Count(h.All.OfType<BaseTypeDeclarationSyntax>().Count(House.IsPublic)));
Row("`<exception>` tags", h => Count(h.Files.Sum(f => Tags(f, "exception"))));
Row("locals that say `var`", h => Count(h.All.OfType<LocalDeclarationStatementSyntax>().Count(l => l.Declaration.Type.IsVar)));
Row("`if`, `for`, `while` without braces", h => Count(h.All.Count(IsBraceless)));
foreach (string project in houses.SelectMany(h => h.Projects).Distinct().Order(StringComparer.Ordinal))
{
    Row($"{project}: public methods with all parameters documented", h => h.Documented(project));
}

void Row(string name, Func<House, string> measure) => Console.WriteLine($"| {name} | {string.Join(" | ", houses.Select(measure))} |");

static string Count(int n) => n.ToString("N0", CultureInfo.InvariantCulture);

static int Lines(SyntaxNode node) =>
    node.GetLocation().GetLineSpan() is { } span ? span.EndLinePosition.Line - span.StartLinePosition.Line + 1 : 0;

static string Percentiles(IEnumerable<int> values)
{
    int[] sorted = [.. values.Order()];
    return sorted.Length == 0 ? "–" : $"{sorted[sorted.Length / 2]} / {sorted[sorted.Length * 9 / 10]}";
}

static int Tags(SyntaxNode node, string name) =>
    Documentation(node).OfType<XmlElementSyntax>().Count(e => e.StartTag.Name.ToString() == name);

static IEnumerable<SyntaxNode> Documentation(SyntaxNode node) =>
    node.DescendantTrivia().Where(t => t.HasStructure).SelectMany(t => t.GetStructure()!.DescendantNodesAndSelf());

static bool IsBraceless(SyntaxNode node) =>
    node switch
    {
        IfStatementSyntax s => s.Statement is not BlockSyntax || s.Else is { Statement: not (BlockSyntax or IfStatementSyntax) },
        ForStatementSyntax s => s.Statement is not BlockSyntax,
        ForEachStatementSyntax s => s.Statement is not BlockSyntax,
        WhileStatementSyntax s => s.Statement is not BlockSyntax,
        _ => false,
    };

static string Root()
{
    DirectoryInfo? directory = new(AppContext.BaseDirectory);
    while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Inkstone.slnx")))
    {
        directory = directory.Parent;
    }
    return directory?.FullName ?? throw new DirectoryNotFoundException("run it inside the repository, or name a directory");
}

/// <summary>The sources below a directory, parsed.</summary>
internal sealed class House(string place)
{
    public SyntaxNode[] Files { get; } =
    [
        .. Directory
            .EnumerateFiles(place, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin" or "artifacts"))
            .Order(StringComparer.Ordinal)
            .Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), path: f).GetRoot()),
    ];

    public IEnumerable<SyntaxNode> All => Files.SelectMany(f => f.DescendantNodes());

    public IEnumerable<string> Projects => Files.Select(Project).Distinct();

    public string Documented(string project)
    {
        MethodDeclarationSyntax[] open =
        [
            .. Files
                .Where(f => Project(f) == project)
                .SelectMany(f => f.DescendantNodes().OfType<MethodDeclarationSyntax>())
                .Where(m => IsPublic(m) && m.ParameterList.Parameters.Count > 0),
        ];
        return $"{open.Count(AreParametersDocumented)} of {open.Length}";
    }

    public static bool IsPublic(MemberDeclarationSyntax member) =>
        member.Modifiers.Any(SyntaxKind.PublicKeyword)
        && member.Ancestors().OfType<BaseTypeDeclarationSyntax>().All(t => t.Modifiers.Any(SyntaxKind.PublicKeyword));

    private string Project(SyntaxNode file) => Path.GetRelativePath(place, file.SyntaxTree.FilePath).Split(Path.DirectorySeparatorChar)[0];

    private static bool AreParametersDocumented(MethodDeclarationSyntax method)
    {
        SyntaxNode[] said = [.. method.GetLeadingTrivia().Where(t => t.HasStructure).SelectMany(t => t.GetStructure()!.DescendantNodes())];
        HashSet<string> named = [.. said.OfType<XmlNameAttributeSyntax>().Select(a => a.Identifier.ToString())];
        return said.OfType<XmlEmptyElementSyntax>().Any(e => e.Name.ToString() == "inheritdoc")
            || method.ParameterList.Parameters.All(p => named.Contains(p.Identifier.Text));
    }
}
