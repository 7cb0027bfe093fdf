using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>One schema of a document.</summary>
/// <param name="Element">an object, true or false</param>
/// <param name="Path">JSON pointer with # before it</param>
/// <param name="Root">address of the resource that it belongs to</param>
/// <param name="Id">its number in the document</param>
internal sealed record SchemaNode(JsonElement Element, string Path, Uri Root, int Id)
{
    public bool Equals(SchemaNode? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Id;

    public GrammarException Unsupported(string keyword, string why) =>
        new($"{Path}: the keyword \"{keyword}\" {why}", keyword, Path + "/" + Pointer.Escape(keyword));
}

/// <summary>Steps of JSON pointers.</summary>
internal static class Pointer
{
    public static string Escape(string step) =>
        step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    public static string Unescape(string step) =>
        step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
}
