using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>
/// Masks what belongs to persons: e-mail addresses, Chinese identity numbers (18 signs, date and check digit of GB 11643), bank cards
/// (Luhn's check digit,
/// ISO/IEC 7812), and telephone numbers. Numbers that fail their check stay.
/// </summary>
internal static partial class PersonalData
{
    /// <summary>The text with masks such as [EMAIL]; the same instance where there is nothing to mask.</summary>
    public static string Mask(string text)
    {
        if (text.Contains('@') || text.Contains('＠'))
        {
            text = Email().Replace(text, "[EMAIL]");
        }
        if (!Digits().IsMatch(text))
        {
            return text;
        }
        text = Identity().Replace(text, m => IsIdentity(m.ValueSpan) ? "[ID]" : m.Value);
        text = Card().Replace(text, m => IsCard(m.ValueSpan) ? "[CARD]" : m.Value);
        text = Mobile().Replace(text, "[PHONE]");
        return Telephone().Replace(text, m => m.Value.Count(char.IsDigit) is >= 8 and <= 15 ? "[PHONE]" : m.Value);
    }

    /// <summary>A date of birth from 1900 on in signs 7 to 14, and the last sign by ISO 7064, MOD 11-2.</summary>
    internal static bool IsIdentity(ReadOnlySpan<char> number)
    {
        int sum = 0,
            power = 1;
        for (int i = 16; i >= 0; i--)
        {
            power = power * 2 % 11;
            sum += power * Value(number[i]);
        }
        int check = (12 - sum % 11) % 11;
        bool right = check == 10 ? number[17] is 'X' or 'x' or 'Ｘ' : char.IsDigit(number[17]) && Value(number[17]) == check;
        return right
            && Number(number[6..10]) is >= 1900 and <= 2100 and int year
            && Number(number[10..12]) is >= 1 and <= 12 and int month
            && Number(number[12..14]) is >= 1 and int day
            && day <= DateTime.DaysInMonth(year, month);
    }

    /// <summary>13 to 19 digits that do not all say the same, of a bank's range, and whose sum with every second digit doubled ends in
    /// 0.</summary>
    internal static bool IsCard(ReadOnlySpan<char> number)
    {
        int sum = 0,
            count = 0,
            first = 0,
            different = 0;
        for (int i = number.Length - 1; i >= 0; i--)
        {
            if (!char.IsDigit(number[i]))
            {
                continue;
            }
            int digit = first = Value(number[i]);
            different |= 1 << digit;
            if (count++ % 2 == 1)
            {
                digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
            }
            sum += digit;
        }
        return count is >= 13 and <= 19
            && first is >= 2 and <= 6
            && System.Numerics.BitOperations.PopCount((uint)different) > 1
            && sum % 10 == 0;
    }

    private static int Number(ReadOnlySpan<char> digits)
    {
        int number = 0;
        foreach (char c in digits)
        {
            number = 10 * number + Value(c);
        }
        return number;
    }

    private static int Value(char digit) => CharUnicodeInfo.GetDecimalDigitValue(digit);

    [GeneratedRegex(@"\d{5}|\d[-\s]\d")]
    private static partial Regex Digits();

    [GeneratedRegex(
        @"(?<![\w.+-])[A-Za-z0-9_](?:[A-Za-z0-9._%+-]*[A-Za-z0-9_%+-])?[@＠](?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}(?![A-Za-z0-9])"
    )]
    private static partial Regex Email();

    [GeneratedRegex(@"(?<![\dA-Za-z])\d{17}[\dXxＸ](?![\dA-Za-z])")]
    private static partial Regex Identity();

    [GeneratedRegex(@"(?<![\dA-Za-z.])(?:\d{13,19}|\d{4}(?:[ -]\d{4}){2}[ -]\d{1,7}|\d{4}(?:[ -]\d{4}){3}[ -]\d{1,3})(?![\dA-Za-z])")]
    private static partial Regex Card();

    /// <summary>Mobile telephones of China: 11 digits from 13 to 19.</summary>
    [GeneratedRegex(@"(?<![\dA-Za-z.])(?:\(?(?:\+|00)?86\)?[ -]?)?[1１][3-9３-９]\d(?:\d{8}|[ -]\d{4}[ -]\d{4})(?![\dA-Za-z])")]
    private static partial Regex Mobile();

    /// <summary>An area code with a number of 7 or 8 digits, 400 and 800 numbers, and numbers with a country's code behind +.</summary>
    [GeneratedRegex(
        @"(?<![\dA-Za-z.-])(?:(?:\(0\d{2,3}\)|（0\d{2,3}）)[ -]?\d{7,8}|0\d{2,3}-\d{7,8}(?:-\d{1,5})?|[48]00-(?:\d{3}-\d{4}|\d{4}-\d{3}|\d{7})|\+[1-9]\d{0,2}(?:[ .-]?\(?\d{2,4}\)?){2,5})(?![\dA-Za-z])"
    )]
    private static partial Regex Telephone();
}
