// A wire between two network devices that delays frames and loses some: relay.cs LEFT RIGHT DELAY_MS LOSS_PERCENT
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

double delay = double.Parse(args[2], CultureInfo.InvariantCulture),
    loss = double.Parse(args[3], CultureInfo.InvariantCulture) / 100;
using Socket left = Open(args[0]),
    right = Open(args[1]);
Carry(left, right, 1);
Carry(right, left, 2);
Thread.Sleep(Timeout.Infinite);

// A packet socket of all protocols, bound to a device.
static Socket Open(string device)
{
    Socket socket = new(AddressFamily.Packet, SocketType.Raw, (ProtocolType)IPAddress.HostToNetworkOrder((short)3))
    {
        ReceiveBufferSize = 64 << 20,
    };
    socket.Bind(new Device(int.Parse(File.ReadAllText($"/sys/class/net/{device}/ifindex"), CultureInfo.InvariantCulture)));
    return socket;
}

void Carry(Socket from, Socket to, int seed)
{
    BlockingCollection<(long Due, byte[] Frame)> way = [];
    new Thread(() =>
    {
        Random random = new(seed);
        byte[] buffer = new byte[1 << 17];
        while (true)
        {
            int length = from.Receive(buffer); // the kernel does not hand a socket what it has sent itself
            if (random.NextDouble() >= loss)
            {
                Complete(buffer.AsSpan(0, length));
                way.Add((Stopwatch.GetTimestamp() + (long)(delay / 1e3 * Stopwatch.Frequency), buffer[..length]));
            }
        }
    }).Start();
    new Thread(() =>
    {
        foreach ((long due, byte[] frame) in way.GetConsumingEnumerable())
        {
            while (Stopwatch.GetTimestamp() < due)
            {
                Thread.Sleep(TimeSpan.FromMicroseconds(100));
            }
            to.Send(frame);
        }
    }).Start();
}

// Devices that are no hardware leave the checksum of TCP and UDP to be made by it; nobody would make it behind this program.
static void Complete(Span<byte> frame)
{
    const int Ethernet = 14,
        Tcp = 6,
        Udp = 17;
    if (frame.Length < Ethernet + 20 || frame[12] != 8 || frame[13] != 0 || frame[Ethernet + 9] is not (Tcp or Udp))
    {
        return;
    }
    int header = (frame[Ethernet] & 15) * 4,
        total = frame[Ethernet + 2] << 8 | frame[Ethernet + 3];
    byte protocol = frame[Ethernet + 9];
    Span<byte> segment = frame.Slice(Ethernet + header, total - header),
        stored = segment.Slice(protocol == Tcp ? 16 : 6, 2);
    stored.Clear();
    uint sum = protocol + (uint)segment.Length + Words(frame.Slice(Ethernet + 12, 8)) + Words(segment);
    while (sum >> 16 != 0)
    {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (stored[0], stored[1]) = ((byte)(~sum >> 8), (byte)~sum);

    static uint Words(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)bytes[i] << (i % 2 == 0 ? 8 : 0);
        }
        return sum;
    }
}

// sockaddr_ll
internal sealed class Device(int index) : EndPoint
{
    public override AddressFamily AddressFamily => AddressFamily.Packet;

    public override SocketAddress Serialize()
    {
        SocketAddress address = new(AddressFamily.Packet, 20);
        (address[2], address[3]) = (0, 3);
        BitConverter.TryWriteBytes(address.Buffer.Span[4..], index);
        return address;
    }
}
