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
        SocketAddress sender = new(AddressFamily.Packet, 20);
        while (true)
        {
            int length = from.ReceiveFrom(buffer, SocketFlags.None, sender);
            const int Outgoing = 4; // sll_pkttype: what this program itself has sent
            if (sender.Buffer.Span[10] != Outgoing && random.NextDouble() >= loss)
            {
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

// sockaddr_ll
sealed class Device(int index) : EndPoint
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
