namespace Inkstone.Text.Tests;

/// <summary>Chat templates in Go's language: what stands around a message of each role, and nothing where that depends on more.</summary>
public sealed class OllamaTemplateTests
{
    [Fact]
    public void ChatMl_IsWhatEveryoneWritesForIt() =>
        OllamaTemplate
            .Convert(new ChatTemplate(ChatTemplate.ChatMl))
            .ShouldBe(
                "{{ range .Messages }}{{ if eq .Role \"system\" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n"
                    + "{{ else if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n"
                    + "{{ else if eq .Role \"assistant\" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n{{ end }}{{ end }}<|im_start|>assistant\n"
            );

    [Theory]
    [InlineData("{% for m in messages %}{{ loop.index }}{{ m.role }}: {{ m.content }}\n{% endfor %}")] // positions
    [InlineData("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}")] // refuses a role
    [InlineData("{% for m in messages %}{{ m.role }}{% if loop.last %}!{% endif %}: {{ m.content }}\n{% endfor %}")] // the last one is another
    [InlineData("{% for m in messages %}{{ '{{' }}{{ m.content }}\n{% endfor %}")] // Go would read it
    public void WhatDependsOnMoreThanTheRole_HasNone(string template) => OllamaTemplate.Convert(new ChatTemplate(template)).ShouldBeNull();
}
