using System.Text;
using System.Text.Json;

namespace Inkstone.Text.Tests;

/// <summary>normalization.json holds random strings of difficult characters with their forms C and D by ICU.</summary>
public sealed class CanonicalFormTests
{
    private static readonly string[][] Cases = JsonSerializer.Deserialize<string[][]>(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "normalization.json"))
    )!;

    [Fact]
    public void Forms_are_those_of_ICU()
    {
        foreach (string[] c in Cases)
        {
            string shown = string.Join(' ', c[0].EnumerateRunes().Select(r => r.Value.ToString("X4")));
            CanonicalForm.Compose(c[0]).ShouldBe(c[1], shown);
            CanonicalForm.Decompose(c[0]).ShouldBe(c[2], shown);
        }
    }

    [Fact]
    public void The_quick_check_never_lets_an_uncomposed_text_pass()
    {
        int passed = 0;
        foreach (string text in Cases.SelectMany(c => c))
        {
            if (CanonicalForm.IsSurelyComposed(Encoding.UTF8.GetBytes(text)))
            {
                CanonicalForm.Compose(text).ShouldBe(text);
                passed++;
            }
        }
        passed.ShouldBeGreaterThan(10);
        CanonicalForm.IsSurelyComposed("床前明月光 déjà 한국어 😀"u8).ShouldBeTrue();
    }
}
