using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>A scope in which products are float32: losses of given numbers are functions, whatever type a model's products have.</summary>
internal readonly ref struct WideProducts
{
    private readonly Device _device;
    private readonly DType _type;

    public WideProducts(Device device)
    {
        (_device, _type) = (device, device.MatMulType);
        device.MatMulType = DType.Float32;
    }

    public void Dispose() => _device.MatMulType = _type;
}
