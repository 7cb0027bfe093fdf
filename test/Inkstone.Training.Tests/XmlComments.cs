using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Inkstone.Training.Tests;

/// <summary>The XML comments that the compiler has written beside the libraries.</summary>
internal static partial class XmlComments
{
    /// <summary>Comments of properties and of parameters of records, by the names of type and member, as plain text.</summary>
    public static Dictionary<string, string> Of(params ReadOnlySpan<string> assemblies)
    {
        Dictionary<string, string> comments = new(StringComparer.Ordinal);
        foreach (string assembly in assemblies)
        {
            foreach (XElement member in XDocument.Load(Path.Combine(AppContext.BaseDirectory, assembly + ".xml")).Descendants("member"))
            {
                string name = member.Attribute("name")!.Value.Split('(')[0];
                string[] parts = Arity().Replace(name[2..], "").Replace(".#ctor", "", StringComparison.Ordinal).Split('.');
                if (name[0] == 'P' && member.Element("summary") is { } summary)
                {
                    comments.TryAdd($"{parts[^2]}.{parts[^1]}", Plain(summary));
                }
                foreach (XElement parameter in name[0] is 'T' or 'M' ? member.Elements("param") : [])
                {
                    comments[$"{parts[^1]}.{parameter.Attribute("name")!.Value}"] = Plain(parameter);
                }
            }
        }
        return comments;
    }

    private static string Plain(XElement element) => Space().Replace(string.Concat(element.Nodes().Select(Plain)), " ").Trim();

    private static string Plain(XNode node) =>
        node switch
        {
            XText text => text.Value,
            XElement { IsEmpty: true } reference => reference.Attributes().First().Value.Split('(')[0].Split('.', ':')[^1],
            XElement element => Plain(element),
            _ => "",
        };

    /// <summary>How many type parameters a generic type has: PolicyRecipe`1.</summary>
    [GeneratedRegex(@"`\d+")]
    private static partial Regex Arity();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
