package penstock.number;

import java.math.BigInteger;

/** The values that leave exact sums: each by one correctly rounded division. */
public final class Moments {
    private final int places;
    private final long scale;
    private final BigInteger bigScale;
    private final BigInteger squareScale;

    /** @param places decimal places that the summed integers carry */
    public Moments(int places) {
        this.places = places;
        bigScale = BigInteger.TEN.pow(places);
        squareScale = bigScale.multiply(bigScale);
        scale = bigScale.bitLength() < 64 ? bigScale.longValue() : 0;
    }

    /** {@code s1 / 10**places}. */
    public double sum(Sum128 s1) {
        return scale != 0 ? ExactDivision.divide(s1.hi, s1.lo, scale) : ExactDivision.divide(s1.toBig(), bigScale);
    }

    /** {@code s1 / (n * 10**places)}, n at least 1. */
    public double mean(long n, Sum128 s1) {
        if (scale != 0 && Math.multiplyHigh(n, scale) == 0 && n * scale > 0) {
            return ExactDivision.divide(s1.hi, s1.lo, n * scale);
        }
        return ExactDivision.divide(s1.toBig(), bigScale.multiply(BigInteger.valueOf(n)));
    }

    /** {@code (n * s2 - s1 * s1) / (n * (n - 1) * 10**(2 * places))}, n at least 2. */
    public double variance(long n, Sum128 s1, SquareSum s2) {
        BigInteger count = BigInteger.valueOf(n);
        BigInteger first = s1.toBig();
        BigInteger above = count.multiply(s2.toBig()).subtract(first.multiply(first));
        return ExactDivision.divide(above, count.multiply(BigInteger.valueOf(n - 1)).multiply(squareScale));
    }

    public int places() {
        return places;
    }
}
