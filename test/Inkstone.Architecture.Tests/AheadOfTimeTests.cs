using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.Json.Nodes;

namespace Inkstone.Architecture.Tests;

/// <summary>What a build ahead of time refuses and the analyzers do not see: <c>JsonArray.Add&lt;T&gt;</c> of a collection expression
/// whose elements are not nodes.</summary>
public sealed class AheadOfTimeTests
{
    [Fact]
    public void Arrays_of_json_are_given_nodes()
    {
        string[] programs =
        [
            .. Directory
                .EnumerateFiles(AppContext.BaseDirectory, "*.dll")
                .Where(file =>
                    Path.GetFileName(file) is "ink.dll" || Path.GetFileName(file).StartsWith("Inkstone.", StringComparison.Ordinal)
                )
                .Where(file => !file.EndsWith(".Tests.dll", StringComparison.Ordinal)),
        ];
        programs.Length.ShouldBeGreaterThan(20);
        programs.Where(AddsOthers).Select(Path.GetFileName).ShouldBeEmpty("write (JsonNode) before the elements");
    }

    [Fact]
    public void The_test_sees_one()
    {
        JsonArray texts = ["a text"];
        texts.Count.ShouldBe(1);
        AddsOthers(typeof(AheadOfTimeTests).Assembly.Location).ShouldBeTrue();
    }

    private static bool AddsOthers(string file)
    {
        using PEReader image = new(File.OpenRead(file));
        MetadataReader metadata = image.GetMetadataReader();
        for (int row = 1; row <= metadata.GetTableRowCount(TableIndex.MethodSpec); row++)
        {
            MethodSpecification made = metadata.GetMethodSpecification(MetadataTokens.MethodSpecificationHandle(row));
            if (
                made.Method.Kind == HandleKind.MemberReference
                && metadata.GetMemberReference((MemberReferenceHandle)made.Method) is { Parent.Kind: HandleKind.TypeReference } member
                && metadata.GetString(member.Name) == "Add"
                && metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)member.Parent).Name) == nameof(JsonArray)
            )
            {
                return true;
            }
        }
        return false;
    }
}
