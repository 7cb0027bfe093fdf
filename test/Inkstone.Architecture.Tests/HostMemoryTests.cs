using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Inkstone.Architecture.Tests;

/// <summary>Memory of tensors stays inside Inkstone.Tensors: other libraries move elements by named methods (<c>CopyTo</c>,
/// <c>CopyFrom</c>, <c>Load</c>, <c>Item</c>), which another device can have too.</summary>
public sealed class HostMemoryTests
{
    private static readonly string[] Raw = ["get_Span", "get_Ints", "get_BFloat16s", "get_Bytes", "get_Pointer"];

    public static TheoryData<string> Programs =>
        [
            .. Repository
                .Files("src", "*.csproj")
                .Select(file => Path.GetFileNameWithoutExtension(file)!)
                .Where(name => name != "Inkstone.Tensors")
                .Order(StringComparer.Ordinal),
        ];

    [Theory]
    [MemberData(nameof(Programs))]
    public void Nobody_outside_holds_spans_or_pointers_of_tensors(string program)
    {
        string file = Directory
            .EnumerateFiles(AppContext.BaseDirectory, "*.dll")
            .Single(path =>
                path.EndsWith(
                    program == "Inkstone.Cli" ? $"{Path.DirectorySeparatorChar}ink.dll" : $"{Path.DirectorySeparatorChar}{program}.dll",
                    StringComparison.Ordinal
                )
            );
        Uses(file).ShouldBeEmpty();
    }

    [Fact]
    public void The_test_sees_a_use() =>
        Uses(typeof(HostMemoryTests).Assembly.Location).ShouldBe([$"{nameof(HostMemoryTests)}.{nameof(AUse)} calls Tensor.get_Span"]);

    private static float AUse(Tensors.Tensor tensor) => tensor.Span[0];

    private static List<string> Uses(string file)
    {
        using PEReader image = new(File.OpenRead(file));
        MetadataReader metadata = image.GetMetadataReader();
        Dictionary<int, string> raw = [];
        foreach (MemberReferenceHandle handle in metadata.MemberReferences)
        {
            MemberReference member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind == HandleKind.TypeReference && Raw.Contains(metadata.GetString(member.Name)))
            {
                TypeReference type = metadata.GetTypeReference((TypeReferenceHandle)member.Parent);
                if (metadata.GetString(type.Name) == "Tensor" && metadata.GetString(type.Namespace) == "Inkstone.Tensors")
                {
                    raw[MetadataTokens.GetToken(handle)] = metadata.GetString(member.Name);
                }
            }
        }
        List<string> uses = [];
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            if (method.RelativeVirtualAddress != 0)
            {
                ImmutableArray<byte> code = image.GetMethodBody(method.RelativeVirtualAddress).GetILContent();
                for (int at = 0; at + 5 <= code.Length; at++)
                {
                    if (
                        code[at] is 0x28 or 0x6F
                        && raw.TryGetValue(BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at + 1, 4)), out string? name)
                    ) // call, callvirt
                    {
                        uses.Add($"{Outermost(metadata, method.GetDeclaringType())}.{metadata.GetString(method.Name)} calls Tensor.{name}");
                    }
                }
            }
        }
        return uses;
    }

    /// <summary>Lambdas and iterators are methods of types inside the one that is written in the file.</summary>
    private static string Outermost(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        return type.IsNested ? Outermost(metadata, type.GetDeclaringType()) : metadata.GetString(type.Name).Split('`')[0];
    }
}
