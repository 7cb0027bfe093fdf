using System.Reflection;
using PublicApiGenerator;

namespace Inkstone.Architecture.Tests;

/// <summary>What other programs can call of each library, as PublicApi/*.txt hold it: a change there is a decision and not an
/// accident.</summary>
public sealed class PublicApiTests
{
    /// <summary>Set to 1 it writes the files anew instead of comparing.</summary>
    private const string Accept = "INK_ACCEPT_PUBLIC_API";

    public static TheoryData<string> Libraries =>
        [
            .. Repository
                .Files("src", "*.csproj")
                .Select(file => Path.GetFileNameWithoutExtension(file)!)
                .Where(name => name != "Inkstone.Cli")
                .Order(StringComparer.Ordinal),
        ];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void The_public_surface_is_the_one_that_was_agreed_on(string library)
    {
        string found =
            Assembly
                .Load(library)
                .GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false })
                .ReplaceLineEndings("\n")
                .TrimEnd() + "\n";
        string path = Path.Combine(Repository.Root, "test", "Inkstone.Architecture.Tests", "PublicApi", library + ".txt");
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, found);
        }
        string[] agreed = File.ReadAllLines(path),
            now = found.TrimEnd().Split('\n');
        string change = string.Join(
            "\n",
            agreed.Except(now).Select(line => "- " + line.Trim()).Concat(now.Except(agreed).Select(line => "+ " + line.Trim()))
        );
        now.ShouldBe(
            agreed,
            $"the public surface of {library} has changed:\n{change}\nIf that is meant, run this test once with {Accept}=1 and commit the file."
        );
    }
}
