using System.Collections.Immutable;

namespace Inkstone.Grammar;

/// <summary>
/// Finds alternatives that together are all values of a conjunction, by the tableau method: schemas that hold are taken apart into tests,
/// choices
/// (anyOf, oneOf, if, and whatever does not hold) branch, and a branch in which no type is left is closed.
/// </summary>
internal sealed class Alternatives(SchemaSpace schemas)
{
    private const int MostBranches = 3000;

    private readonly List<ValueBox> _found = [];
    private int _branches;
    private SchemaNode? _last;

    /// <summary>One way to go on: a change of the tests so far, and schemas that hold or do not.</summary>
    public sealed record Way(Func<ValueBox, ValueBox>? Change, params (SchemaNode Node, bool Holds)[] Literals);

    private sealed record Branch(
        ValueBox Box,
        ImmutableStack<(SchemaNode Node, bool Holds)> Todo,
        ImmutableHashSet<(SchemaNode, bool)> Seen,
        ImmutableList<IReadOnlyList<Way>> Choices,
        ImmutableList<SchemaNode> Refused
    );

    public List<ValueBox> Expand(Conjunction value)
    {
        Run(new Branch(ValueBox.Any, ImmutableStack.CreateRange(value.Literals.Reverse()), [], [], []), _found.Add);
        return _found;
    }

    private void Run(Branch b, Action<ValueBox> found)
    {
        if (++_branches > MostBranches)
        {
            throw (_last ?? schemas.Document.Root).Unsupported(
                "oneOf",
                $"or its neighbours (anyOf, not, if) give more than {MostBranches} combinations; give the alternatives a property with a const of its own, or use anyOf"
            );
        }
        while (!b.Todo.IsEmpty)
        {
            b = b with { Todo = b.Todo.Pop(out (SchemaNode Node, bool Holds) literal) };
            if (b.Seen.Contains((literal.Node, !literal.Holds)))
            {
                return;
            }
            if (b.Seen.Contains(literal))
            {
                continue;
            }
            b = b with { Seen = b.Seen.Add(literal) };
            if (!literal.Holds)
            {
                b = b with { Refused = b.Refused.Add(literal.Node) };
                continue;
            }
            Assertion assertion = new(schemas, literal.Node, b.Box);
            assertion.Read();
            b = b with
            {
                Box = assertion.Box,
                Choices = b.Choices.AddRange(assertion.Choices),
                Todo = assertion.Literals.Aggregate(b.Todo, (todo, l) => todo.Push(l)),
            };
            if (b.Box.IsNothing)
            {
                return;
            }
        }
        if (b.Choices.Count > 0)
        {
            IReadOnlyList<Way> ways = b.Choices.MinBy(c => c.Count)!;
            Take(b with { Choices = b.Choices.Remove(ways) }, ways, found);
        }
        else if (b.Refused.Count > 0)
        {
            SchemaNode node = _last = b.Refused[^1];
            b = b with { Refused = b.Refused.RemoveAt(b.Refused.Count - 1) };
            if (Excludes(b, node))
            {
                Run(b, found);
            }
            else
            {
                Take(b, new Refutation(schemas, node).Ways(), found);
            }
        }
        else
        {
            found(b.Box);
        }
    }

    private void Take(Branch b, IReadOnlyList<Way> ways, Action<ValueBox> found)
    {
        foreach (Way way in ways)
        {
            ValueBox box = way.Change is null ? b.Box : way.Change(b.Box);
            if (!box.IsNothing)
            {
                Run(b with { Box = box, Todo = way.Literals.Aggregate(b.Todo, (todo, l) => todo.Push(l)) }, found);
            }
        }
    }

    /// <summary>Whether what holds already leaves no value of a schema, so that nothing needs to be done for it not to hold.</summary>
    private bool Excludes(Branch b, SchemaNode node)
    {
        bool any = false;
        Run(
            b with
            {
                Todo = ImmutableStack.Create((node, true)),
                Seen = b.Seen.Remove((node, false)),
                Refused = [],
            },
            box => any = any || schemas.IsInhabited(box)
        );
        return !any;
    }
}
