namespace Inkstone.Tensors.Tests;

/// <summary>Elements between tensors and the host.</summary>
[Collection(DeviceSuite.Name)]
public sealed class TransferTests(Devices devices)
{
    [Fact]
    public void Float32_and_bfloat16_go_out_and_in()
    {
        using Tensor single = Tensor.Allocate(devices.Default, new Shape(2, 3)),
            half = Tensor.Allocate(devices.Default, new Shape(6), DType.BFloat16);
        float[] values = [1, -2, 3.1415927f, float.PositiveInfinity, 0, 1.00390625f]; // the last lies between two bfloat16, and the even one is below
        single.CopyFrom(values);
        half.CopyFrom(values);
        single.ToArray().ShouldBe(values);
        half.ToArray().ShouldBe([1, -2, 3.140625f, float.PositiveInfinity, 0, 1]);
        (single.Item(2), half.Item(2)).ShouldBe((3.1415927f, 3.140625f));
        float[] two = new float[2];
        half.CopyTo(two, 1);
        two.ShouldBe([-2, 3.140625f]);
        byte[] bytes = new byte[4];
        half.CopyTo(bytes, 1);
        bytes.ShouldBe([0x00, 0xC0, 0x49, 0x40]);
        half.Load<ushort>(bits => bits.Fill(0x3F80));
        half.ToArray().ShouldAllBe(v => v == 1);
        Should.Throw<InvalidOperationException>(() => half.Load<float>(_ => { }));
        Should.Throw<InvalidOperationException>(() => half.Load<byte>(_ => { }));
    }

    [Fact]
    public void Whole_numbers_go_out_and_in_and_are_counted()
    {
        using Tensor ids = Tensor.From(devices.Default, new Shape(5), [3, -100, 7, -100, 1]),
            copy = Tensor.Allocate(devices.Default, new Shape(5), DType.Int32);
        ids.CountOf(-100).ShouldBe(2);
        copy.CopyFrom(ids);
        copy.CopyFrom([9], 4);
        int[] out3 = new int[3];
        copy.CopyTo(out3, 2);
        out3.ShouldBe([7, -100, 9]);
        Should.Throw<InvalidOperationException>(() => ids.ToArray());
    }

    [Fact]
    public void Nothing_beyond_the_end_is_touched()
    {
        using Tensor x = Tensor.Allocate(devices.Default, new Shape(4)),
            y = Tensor.Allocate(devices.Default, new Shape(5));
        Should.Throw<ArgumentOutOfRangeException>(() => x.CopyTo(new float[3], 2));
        Should.Throw<ArgumentOutOfRangeException>(() => x.CopyTo(new float[1], -1));
        Should.Throw<ArgumentOutOfRangeException>(() => x.CopyFrom(new float[5]));
        Should.Throw<ArgumentOutOfRangeException>(() => x.Item(4));
        Should.Throw<ArgumentException>(() => x.CopyFrom(y));
    }
}
