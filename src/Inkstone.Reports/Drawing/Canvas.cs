namespace Inkstone.Reports;

/// <summary>A colour.</summary>
internal readonly record struct Colour(byte Red, byte Green, byte Blue);

/// <summary>Pixels to draw on: lines with soft edges, filled boxes, small letters.</summary>
internal sealed class Canvas
{
    private readonly byte[] _rgb;

    public Canvas(int width, int height, Colour paper)
    {
        (Width, Height, _rgb) = (width, height, new byte[3 * width * height]);
        Box(0, 0, width, height, paper);
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>The picture as a PNG file.</summary>
    public byte[] Png() => PngFile.Encode(_rgb, Width);

    public void Box(int left, int top, int width, int height, Colour colour)
    {
        for (int y = top; y < top + height; y++)
        {
            for (int x = left; x < left + width; x++)
            {
                Blend(x, y, colour, 1);
            }
        }
    }

    /// <summary>A line whose pixels are covered by how near they lie to it; dashes are lengths along it.</summary>
    public void Line(double x0, double y0, double x1, double y1, Colour colour, double thickness, double dash = 0, double along = 0)
    {
        double length = Math.Sqrt(((x1 - x0) * (x1 - x0)) + ((y1 - y0) * (y1 - y0))),
            half = thickness / 2;
        for (int y = (int)Math.Floor(Math.Min(y0, y1) - half - 1); y <= Math.Max(y0, y1) + half + 1; y++)
        {
            for (int x = (int)Math.Floor(Math.Min(x0, x1) - half - 1); x <= Math.Max(x0, x1) + half + 1; x++)
            {
                double t = length == 0 ? 0 : Math.Clamp((((x - x0) * (x1 - x0)) + ((y - y0) * (y1 - y0))) / (length * length), 0, 1);
                double dx = x - x0 - (t * (x1 - x0)),
                    dy = y - y0 - (t * (y1 - y0)),
                    cover = Math.Clamp(half + 0.5 - Math.Sqrt((dx * dx) + (dy * dy)), 0, 1);
                if (cover > 0 && (dash == 0 || (along + (t * length)) % (2 * dash) < dash))
                {
                    Blend(x, y, colour, cover);
                }
            }
        }
    }

    /// <summary>Letters of <see cref="Glyphs"/>, each 5 by 7 points of <paramref name="size"/> pixels.</summary>
    public void Text(int left, int top, string text, Colour colour, int size = 2)
    {
        foreach (char letter in text)
        {
            for (int row = 0; row < Glyphs.Rows; row++)
            {
                for (int column = 0; column < Glyphs.Columns; column++)
                {
                    if (Glyphs.Has(letter, row, column))
                    {
                        Box(left + (column * size), top + (row * size), size, size, colour);
                    }
                }
            }
            left += Glyphs.Advance * size;
        }
    }

    /// <summary>Lines joined together; dashes run on over the joints.</summary>
    public void Path(IReadOnlyList<(double X, double Y)> points, Colour colour, double thickness, double dash = 0)
    {
        double along = 0;
        for (int i = 1; i < points.Count; i++)
        {
            Line(points[i - 1].X, points[i - 1].Y, points[i].X, points[i].Y, colour, thickness, dash, along);
            along += Math.Sqrt(Math.Pow(points[i].X - points[i - 1].X, 2) + Math.Pow(points[i].Y - points[i - 1].Y, 2));
        }
    }

    private void Blend(int x, int y, Colour colour, double cover)
    {
        if ((uint)x < (uint)Width && (uint)y < (uint)Height)
        {
            Span<byte> pixel = _rgb.AsSpan(3 * ((y * Width) + x), 3);
            pixel[0] = Mixed(pixel[0], colour.Red);
            pixel[1] = Mixed(pixel[1], colour.Green);
            pixel[2] = Mixed(pixel[2], colour.Blue);
        }

        byte Mixed(byte below, byte above) => (byte)Math.Round(below + ((above - below) * cover));
    }
}
