namespace Inkstone.Evaluation;

/// <summary>
/// Python's <c>random.Random(seed)</c>: MT19937 (Matsumoto and Nishimura 1998) seeded by an array, and the draws that CPython makes of it.
/// </summary>
internal sealed class MersenneTwister
{
    private const int N = 624,
        M = 397;

    private readonly uint[] _state = new uint[N];
    private int _at = N;

    public MersenneTwister(int seed)
    {
        Fill(19650218);
        uint key = (uint)Math.Abs((long)seed);
        int i = 1;
        for (int k = N; k > 0; k--)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1664525)) + key;
            i = Advance(i);
        }
        for (int k = N - 1; k > 0; k--)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1566083941)) - (uint)i;
            i = Advance(i);
        }
        _state[0] = 0x80000000;
    }

    /// <summary>random(): 53 bits in [0, 1).</summary>
    public double NextDouble()
    {
        uint a = Next() >> 5,
            b = Next() >> 6;
        return ((a * 67108864.0) + b) / 9007199254740992.0;
    }

    /// <summary>choices(range(count), k=count), as places.</summary>
    public void Choices(Span<int> places, int count)
    {
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = (int)Math.Floor(NextDouble() * count);
        }
    }

    /// <summary>sample(rows, k): without repetition, in the order of drawing.</summary>
    public List<T> Sample<T>(IReadOnlyList<T> rows, int k)
    {
        int n = rows.Count;
        List<T> drawn = new(k);
        int setSize = 21 + (k > 5 ? (int)Math.Pow(4, Math.Ceiling(Math.Log(k * 3) / Math.Log(4))) : 0);
        if (n <= setSize)
        {
            T[] pool = [.. rows];
            for (int i = 0; i < k; i++)
            {
                int j = Below(n - i);
                drawn.Add(pool[j]);
                pool[j] = pool[n - i - 1];
            }
            return drawn;
        }
        HashSet<int> taken = [];
        while (drawn.Count < k)
        {
            int j = Below(n);
            if (taken.Add(j))
            {
                drawn.Add(rows[j]);
            }
        }
        return drawn;
    }

    /// <summary>shuffle(rows).</summary>
    public void Shuffle<T>(IList<T> rows)
    {
        for (int i = rows.Count - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (rows[i], rows[j]) = (rows[j], rows[i]);
        }
    }

    private int Below(int n)
    {
        int bits = 32 - int.LeadingZeroCount(n);
        uint drawn;
        do
        {
            drawn = Next() >> (32 - bits);
        } while (drawn >= n);
        return (int)drawn;
    }

    private void Fill(uint seed)
    {
        _state[0] = seed;
        for (uint i = 1; i < N; i++)
        {
            _state[i] = (1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30))) + i;
        }
    }

    private int Advance(int i)
    {
        if (i + 1 < N)
        {
            return i + 1;
        }
        _state[0] = _state[N - 1];
        return 1;
    }

    private uint Next()
    {
        if (_at == N)
        {
            Twist();
        }
        uint y = _state[_at++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680;
        y ^= (y << 15) & 0xefc60000;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        for (int i = 0; i < N; i++)
        {
            uint y = (_state[i] & 0x80000000) | (_state[(i + 1) % N] & 0x7fffffff);
            _state[i] = _state[(i + M) % N] ^ (y >> 1) ^ ((y & 1) * 0x9908b0df);
        }
        _at = 0;
    }
}
