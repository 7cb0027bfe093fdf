using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Blocks are taken, shared, found and returned; the numbers they hold are tested with the families.</summary>
public sealed class PagedCacheTests : IDisposable
{
    private static readonly AttentionSpec Whole = new(2, 1, 4),
        Near = Whole with { Window = 20 };
    private static readonly DeltaSpec Recurrent = new(1, 1, 4, 4, 4);

    private readonly Device _device = new(threads: 1);

    public void Dispose() => _device.Dispose();

    [Fact]
    public void Blocks_are_taken_as_a_text_grows_and_all_come_back()
    {
        using PagedCache cache = new(_device, [Whole, Near, Whole], tokens: 64, sequences: 3, longest: 64, step: 16);
        using (
            CachedSequence a = cache.TryNew()!,
                b = cache.TryNew()!
        )
        {
            Compute(a, 33).ShouldBeTrue();
            cache.TokensInUse.ShouldBe(48);
            Compute(b, 40).ShouldBeTrue();
            b.TryReserve(25).ShouldBeFalse("96 tokens and two half blocks of others are all there is");
            b.Length.ShouldBe(40, "nothing has changed");
        }
        cache.TokensInUse.ShouldBe(0);
    }

    [Fact]
    public void There_are_as_many_texts_as_slots()
    {
        using PagedCache cache = new(_device, [Recurrent], tokens: 100, sequences: 2, longest: 50, step: 50);
        CachedSequence first = cache.TryNew()!;
        cache.TryNew().ShouldNotBeNull();
        cache.TryNew().ShouldBeNull();
        first.Dispose();
        first.Dispose();
        cache.TryNew().ShouldNotBeNull();
        cache.TryNew().ShouldBeNull("a text that was freed twice gave back one slot");
    }

    [Theory]
    [InlineData(false, 48)]
    [InlineData(true, 48)]
    public void A_text_that_begins_like_another_begins_with_its_blocks(bool windowed, int shared)
    {
        using PagedCache cache = new(_device, windowed ? [Whole, Near] : [Whole], tokens: 400, sequences: 4, longest: 200, step: 200);
        int[] ids = [.. Enumerable.Range(0, 60)];
        using CachedSequence a = cache.TryNew(ids)!;
        a.Length.ShouldBe(0);
        Compute(a, 60);
        a.Publish(ids);
        using CachedSequence b = cache.TryNew(ids)!;
        b.Length.ShouldBe(shared, "whole blocks, and the last token is left to be computed");
        cache.TryNew(ids.AsSpan(0, 48))!.Length.ShouldBe(32);
        cache.TryNew([.. ids[..20], 99, .. ids[21..]])!.Length.ShouldBe(16);
    }

    [Fact]
    public void Other_adapters_share_nothing()
    {
        using PagedCache cache = new(_device, [Whole], tokens: 200, sequences: 3, longest: 60, step: 60);
        int[] ids = [.. Enumerable.Range(0, 40)];
        CachedSequence a = cache.TryNew(ids, salt: 1)!;
        Compute(a, 40);
        a.Publish(ids);
        a.Dispose();
        cache.TryNew(ids, salt: 2)!.Length.ShouldBe(0);
        cache.TryNew(ids, salt: 1)!.Length.ShouldBe(32, "what was freed can still be found");
    }

    [Fact]
    public void What_was_freed_first_is_used_first_and_found_no_more()
    {
        using PagedCache cache = new(_device, [Whole], tokens: 64, sequences: 1, longest: 64, step: 64);
        int[] old = [.. Enumerable.Range(0, 32)],
            other = [.. Enumerable.Range(100, 48)];
        using (CachedSequence a = cache.TryNew(old)!)
        {
            Compute(a, 32);
            a.Publish(old);
        }
        using (CachedSequence b = cache.TryNew(other)!)
        {
            Compute(b, 48);
            b.Publish(other);
        }
        using CachedSequence again = cache.TryNew([.. old, 1])!;
        again.Length.ShouldBe(16, "two blocks were free without a name, one of the old ones had to go: the end first");
    }

    [Fact]
    public void A_state_is_found_where_it_was_kept()
    {
        using PagedCache cache = new(_device, [Recurrent, Whole], tokens: 300, sequences: 2, longest: 100, step: 100, snapshots: 2);
        int[] ids = [.. Enumerable.Range(0, 50)];
        DeltaCache states = cache.Layer<DeltaCache>(0);
        using (CachedSequence a = cache.TryNew(ids)!)
        {
            Compute(a, 32);
            states.State.Span.Fill(5);
            a.Publish(ids);
            Compute(a, 18);
            states.State.Span.Fill(7);
            a.Publish(ids);
        }
        using CachedSequence b = cache.TryNew(ids)!;
        b.Length.ShouldBe(32, "at 48 nothing was kept: the state stood at 50");
        states.State.Span.ToArray().ShouldContain(7);
        b.TryTruncate(20).ShouldBeFalse();
        using CachedSequence fresh = cache.TryNew([1, 2, 3])!;
        fresh.Length.ShouldBe(0);
        states.State.Span.ToArray().ShouldContain(0, "a new text begins with zeros");
    }

    /// <summary>As a forward pass does: the batch counts the tokens.</summary>
    private static bool Compute(CachedSequence sequence, int tokens)
    {
        if (!sequence.TryReserve(tokens))
        {
            return false;
        }
        SequenceBatch batch = new(sequence.Cache);
        batch.Add(sequence, tokens);
        batch.Advance();
        return true;
    }
}
