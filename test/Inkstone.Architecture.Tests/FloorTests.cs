using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Inkstone.Architecture.Tests;

/// <summary>The floors of ARCHITECTURE.md: what each project may import. The compiler enforces what the project files say; this enforces
/// the project files.</summary>
public sealed partial class FloorTests
{
    private static readonly Dictionary<string, string[]> Floors = new()
    {
        ["Client"] = [],
        ["Files"] = [],
        ["Jinja"] = [],
        ["Distributed"] = [],
        ["Tensors"] = [],
        ["Hub"] = ["Files"],
        ["Text"] = ["Files", "Jinja"],
        ["Grammar"] = ["Files", "Text"],
        ["Formats"] = ["Files", "Tensors"],
        ["Nn"] = ["Files", "Tensors"],
        ["Data"] = ["Files", "Jinja", "Text"],
        ["Models"] = ["Files", "Formats", "Nn", "Tensors"],
        ["Inference"] = ["Formats", "Grammar", "Models", "Nn", "Tensors", "Text"],
        ["Training"] = ["Client", "Data", "Distributed", "Files", "Formats", "Inference", "Jinja", "Models", "Nn", "Tensors", "Text"],
        ["SmallWorld"] = ["Data", "Files"],
        ["Bench"] = ["Data", "Distributed", "Formats", "Models", "Nn", "Tensors", "Training"],
        ["Evaluation"] = ["Client", "Data", "Files", "Formats", "Inference", "Jinja", "Models", "Tensors", "Text"],
        ["Verification"] =
        [
            "Data",
            "Distributed",
            "Evaluation",
            "Files",
            "Formats",
            "Inference",
            "Jinja",
            "Models",
            "Nn",
            "Tensors",
            "Text",
            "Training",
        ],
        ["Reports"] = ["Files"],
        ["Chat"] = ["Formats", "Grammar", "Inference", "Jinja", "Models", "Text"],
        ["Extensions.AI"] = ["Chat", "Inference", "Models", "Tensors", "Text"],
        ["Server"] = ["Chat", "Client", "Formats", "Grammar", "Inference", "Models", "Nn", "Tensors", "Text"],
        ["Studio"] = ["Chat", "Data", "Inference", "Jinja", "Models", "Reports", "Server", "Tensors", "Text"],
        ["Cli"] =
        [
            "Bench",
            "Chat",
            "Client",
            "Data",
            "Distributed",
            "Evaluation",
            "Files",
            "Formats",
            "Grammar",
            "Hub",
            "Inference",
            "Jinja",
            "Models",
            "Nn",
            "Reports",
            "Server",
            "SmallWorld",
            "Studio",
            "Tensors",
            "Text",
            "Training",
            "Verification",
        ],
    };

    private static readonly Dictionary<string, string[]> Packages = new()
    {
        ["Files"] = ["System.IO.Hashing"],
        ["Distributed"] = ["System.IO.Hashing"],
        ["Tensors"] = ["Iced"],
        ["Models"] = ["System.IO.Hashing"],
        ["Inference"] = ["System.Numerics.Tensors"],
        ["Data"] =
        [
            "AngleSharp",
            "Apache.Arrow",
            "Apache.Arrow.Compression",
            "K4os.Compression.LZ4",
            "Sep",
            "SharpZipLib",
            "Snappier",
            "System.IO.Hashing",
            "ZstdSharp.Port",
        ],
        ["Evaluation"] = ["YamlDotNet"],
        ["Training"] = ["JsonSchema.Net", "System.IO.Hashing", "YamlDotNet"],
        ["Reports"] = ["System.IO.Hashing"],
        ["Extensions.AI"] = ["Microsoft.Extensions.AI.Abstractions"],
        ["Server"] = ["OpenTelemetry.Exporter.OpenTelemetryProtocol", "OpenTelemetry.Extensions.Hosting"],
        ["Cli"] = ["Spectre.Console", "System.CommandLine", "Wcwidth"],
    };

    [Fact]
    public void Every_project_has_its_floor() => Repository.Files("src", "*.csproj").Select(Name).Order().ShouldBe(Floors.Keys.Order());

    /// <summary>test/ mirrors src/: each project has its tests beside it under its name, and the few others say what they are for.</summary>
    [Fact]
    public void Every_project_has_its_tests()
    {
        string[] others = ["Architecture", "Samples"]; // the repository as a whole; what lies in samples/
        string[] tested = [.. Repository.Files("test", "*.csproj").Select(Name).Select(name => name[..^".Tests".Length]).Except(others)];
        tested.Order().ShouldBe(Floors.Keys.Order());
        string solution = File.ReadAllText(Path.Combine(Repository.Root, "Inkstone.slnx"));
        foreach (string project in tested)
        {
            solution.ShouldContain($"test/Inkstone.{project}.Tests/Inkstone.{project}.Tests.csproj");
            Repository
                .Files($"test/Inkstone.{project}.Tests", "*.cs")
                .Any(file =>
                    File.ReadLines(file)
                        .Any(line =>
                            line.TrimStart().StartsWith("[Fact", StringComparison.Ordinal)
                            || line.TrimStart().StartsWith("[Theory", StringComparison.Ordinal)
                            || line.TrimStart().StartsWith("[Golden", StringComparison.Ordinal)
                        )
                )
                .ShouldBeTrue($"test/Inkstone.{project}.Tests holds no test");
        }
    }

    /// <summary>What is internal is seen by a project's own tests alone. The exceptions: front ends of one conversation, and tests and
    /// checks of models that look inside the layers below.</summary>
    [Fact]
    public void Internals_are_seen_by_a_projects_own_tests()
    {
        Dictionary<string, string[]> others = new()
        {
            ["Chat"] = ["Extensions.AI", "Server"],
            ["Models"] = ["Inference.Tests", "Verification"],
            ["Nn"] = ["Models.Tests"],
            ["Server"] = ["Studio"],
        };
        foreach (string project in Repository.Files("src", "*.csproj"))
        {
            References(project, "InternalsVisibleTo")
                .Select(name => name.Replace("Inkstone.", ""))
                .Except([Name(project) + ".Tests", .. others.GetValueOrDefault(Name(project), [])])
                .ShouldBeEmpty(Name(project));
        }
    }

    [Fact]
    public void Projects_import_only_what_their_floor_allows()
    {
        foreach (string project in Repository.Files("src", "*.csproj"))
        {
            References(project, "ProjectReference")
                .Select(Name)
                .Except(Floors[Name(project)])
                .ShouldBeEmpty($"{Name(project)} imports more than the table of floors says");
        }
    }

    [Fact]
    public void Projects_use_only_the_packages_they_are_known_for()
    {
        foreach (string project in Repository.Files("src", "*.csproj"))
        {
            References(project, "PackageReference")
                .Except(Packages.GetValueOrDefault(Name(project), []))
                .ShouldBeEmpty($"{Name(project)} uses a package that the table does not name");
        }
    }

    [Fact]
    public void Every_package_is_explained_and_its_licence_named()
    {
        string[] rows = [.. File.ReadLines(Path.Combine(Repository.Root, "ARCHITECTURE.md")).Where(line => line.StartsWith('|'))];
        foreach ((string project, string[] packages) in Packages)
        {
            string[] named =
            [
                .. rows.Select(row => row.Split('|', StringSplitOptions.TrimEntries))
                    .Where(cells => cells[1] == project)
                    .SelectMany(cells => cells[2].Split(", ")),
            ];
            named.Order().ShouldBe(packages.Order(), $"the packages of {project} in ARCHITECTURE.md");
        }
        string notices = File.ReadAllText(Path.Combine(Repository.Root, "THIRD-PARTY-NOTICES.md"));
        XDocument
            .Load(Path.Combine(Repository.Root, "Directory.Packages.props"))
            .Descendants("PackageVersion")
            .Select(e => (string)e.Attribute("Include")!)
            .Where(name => !Regex.IsMatch(notices, $@"\b{Regex.Escape(name.Split(".mtp", 2)[0])}\b"))
            .ShouldBeEmpty();
    }

    [Fact]
    public void Unsafe_code_stays_in_four_projects()
    {
        foreach (string project in Repository.Files("src", "*.csproj"))
        {
            bool allowed = XDocument.Load(project).Descendants("AllowUnsafeBlocks").Any(e => (bool)e);
            (allowed && Name(project) is not ("Distributed" or "Files" or "Formats" or "Tensors")).ShouldBeFalse(
                $"{Name(project)} allows unsafe code"
            );
        }
    }

    [Fact]
    public void Type_names_say_what_a_thing_is()
    {
        string[] empty = ["Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Base", "Impl"];
        Repository
            .Files("src", "*.cs")
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => empty.Any(word => name.EndsWith(word, StringComparison.Ordinal)))
            .ShouldBeEmpty();
    }

    /// <summary>A message goes on behind "ink: " or another message: it begins in lower case, but for names.</summary>
    [Fact]
    public void Messages_begin_in_lower_case() =>
        Repository
            .Files("src", "*.cs")
            .SelectMany(file =>
                CapitalMessage().Matches(File.ReadAllText(file)).Select(match => $"{Path.GetFileName(file)}: {match.Value}")
            )
            .Where(message => !message.Contains("\"Muon ", StringComparison.Ordinal))
            .ShouldBeEmpty();

    /// <summary>The runtime's hashes call OpenSSL, and a program compiled ahead ends with an abort where its library is missing.</summary>
    [Fact]
    public void Nothing_needs_OpenSSL() =>
        Repository
            .Files("src", "*.cs")
            .Where(file => File.ReadAllText(file).Contains("System.Security.Cryptography", StringComparison.Ordinal))
            .ShouldBeEmpty();

    /// <summary>What all threads share and anybody may change is neither the product's state nor a measurement's place: devices, runs and
    /// profiles are objects.</summary>
    [Fact]
    public void No_static_field_can_be_assigned() =>
        Repository
            .Files("src", "*.cs")
            .SelectMany(file =>
                File.ReadLines(file).Where(line => MutableStatic().IsMatch(line)).Select(line => $"{Path.GetFileName(file)}: {line.Trim()}")
            )
            .ShouldBeEmpty();

    [GeneratedRegex("""Exception\(\s*(?:[\w.()!]+,\s*)?\$?"[A-Z][a-z]+ """)]
    private static partial Regex CapitalMessage();

    [GeneratedRegex(
        @"^\s+((public|internal|private|protected)\s+)?static\s+(?!readonly\b|(unsafe\s+)?(partial\s+)?(class|delegate)\b)[\w<>\[\],.?* ]+\s\w+\s*(,|;|=[^>=])"
    )]
    private static partial Regex MutableStatic();

    private static string Name(string project) => Path.GetFileNameWithoutExtension(project.Replace('\\', '/')).Replace("Inkstone.", "");

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Load(project).Descendants(kind).Select(e => (string)e.Attribute("Include")!);
}
