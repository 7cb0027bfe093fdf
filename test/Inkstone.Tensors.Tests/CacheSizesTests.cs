namespace Inkstone.Tensors.Tests;

public sealed class CacheSizesTests
{
    [Fact]
    public void Cpuid_leaves_are_read_as_the_manuals_describe_them()
    {
        // L1d 48 KiB in 12 ways, L1i, L2 2 MiB in 16 ways, L3 105 MiB in 15 ways that 128 threads may share.
        (int, int, int)[] leaves =
        [
            (1 | 1 << 5 | 1 << 14, 11 << 22 | 63, 63),
            (2 | 1 << 5, 7 << 22 | 63, 63),
            (3 | 2 << 5 | 1 << 14, 15 << 22 | 63, 2047),
            (3 | 3 << 5 | 127 << 14, 14 << 22 | 63, 114687),
            (0, 0, 0),
        ];
        CacheSizes sizes = CacheSizes.FromCpuId(i => leaves[i], 8, "leaf")!;
        sizes.ShouldBe(new CacheSizes(48 << 10, 2 << 20, 105 << 20, 8, "leaf"));
    }

    [Fact]
    public void Older_leaves_are_read_where_the_newer_one_is_hidden()
    {
        // 48 KiB, 1 MiB, and 508 MiB of a package of which a core reaches one complex
        CacheSizes sizes = CacheSizes.FromOldLeaves(0x300c0140, 0x04006140, 0x0fe09140, 2)!;
        (sizes.Level1, sizes.Level2, sizes.Level3, sizes.Level3Sharers).ShouldBe((48 << 10, 1 << 20, 32 << 20, 2));
        CacheSizes.FromOldLeaves(0, 0x01006040, 0, 2).ShouldBeNull(); // Intel tells the second level only
    }

    [Fact]
    public void A_cpu_that_tells_nothing_or_nonsense_is_not_believed()
    {
        CacheSizes.FromCpuId(_ => default, 2, "leaf").ShouldBeNull();
        CacheSizes.FromCpuId(_ => (1 | 1 << 5, 0, 0), 2, "leaf").ShouldBeNull(); // one byte of cache, sixteen times
        CacheSizes.FromFolder("/no/such/folder").ShouldBeNull();
    }

    [Fact]
    public void Linux_folders_are_read()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            void Cache(int index, string level, string type, string size, string cores)
            {
                string place = Directory.CreateDirectory(Path.Combine(folder, $"index{index}")).FullName;
                foreach (
                    (string name, string value) in new[] { ("level", level), ("type", type), ("size", size), ("shared_cpu_list", cores) }
                )
                {
                    File.WriteAllText(Path.Combine(place, name), value + "\n");
                }
            }
            Cache(0, "1", "Data", "64K", "0");
            Cache(1, "1", "Instruction", "128K", "0");
            Cache(2, "2", "Unified", "1024K", "0");
            CacheSizes.FromFolder(folder).ShouldBe(new CacheSizes(64 << 10, 1 << 20, 0, 1, folder));
            Cache(3, "3", "Unified", "32M", "0-3,8-11");
            CacheSizes.FromFolder(folder).ShouldBe(new CacheSizes(64 << 10, 1 << 20, 32 << 20, 8, folder));
            File.WriteAllText(Path.Combine(folder, "index3", "size"), "many");
            CacheSizes.FromFolder(folder).ShouldBeNull();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void This_machine_has_caches()
    {
        CacheSizes.Current.Level1.ShouldBeInRange(4 << 10, 1 << 20);
        CacheSizes.Current.Level2.ShouldBeGreaterThanOrEqualTo(CacheSizes.Current.Level1);
        CacheSizes.Current.Level3Sharers.ShouldBeGreaterThan(0);
    }
}
