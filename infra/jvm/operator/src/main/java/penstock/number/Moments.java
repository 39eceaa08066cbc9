package penstock.number;

import java.math.BigInteger;

/** The values that leave exact sums: each by one correctly rounded division. */
public final class Moments {
    private static final BigInteger THREE = BigInteger.valueOf(3);
    private static final BigInteger FOUR = BigInteger.valueOf(4);
    private static final BigInteger SIX = BigInteger.valueOf(6);

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
        BigInteger above = spread(count, s1.toBig(), s2.toBig());
        return ExactDivision.divide(above, count.multiply(BigInteger.valueOf(n - 1)).multiply(squareScale));
    }

    /** {@code n * s2 - s1 * s1}: 0 where all values are equal. */
    private static BigInteger spread(BigInteger n, BigInteger s1, BigInteger s2) {
        return n.multiply(s2).subtract(s1.multiply(s1));
    }

    /** The sample's skewness, whose formula is in features/aggregates.py; NaN below three values or where all are equal. */
    public static double skewness(long count, Sum128 first, SquareSum squares, HighPowers high) {
        BigInteger n = BigInteger.valueOf(count);
        BigInteger s1 = first.toBig();
        BigInteger s2 = squares.toBig();
        BigInteger a = spread(n, s1, s2);
        if (count < 3 || a.signum() == 0) {
            return Double.NaN;
        }
        BigInteger b = n.pow(2).multiply(high.cubes())
                .subtract(THREE.multiply(n).multiply(s1).multiply(s2))
                .add(BigInteger.TWO.multiply(s1.pow(3)));
        BigInteger above = b.pow(2).multiply(n).multiply(BigInteger.valueOf(count - 1));
        BigInteger below = a.pow(3).multiply(BigInteger.valueOf(count - 2).pow(2));
        double size = Math.sqrt(ExactDivision.divide(above, below));
        return b.signum() < 0 ? -size : size;
    }

    /** The sample's excess kurtosis, likewise; NaN below four values or where all are equal. */
    public static double kurtosis(long count, Sum128 first, SquareSum squares, HighPowers high) {
        BigInteger n = BigInteger.valueOf(count);
        BigInteger s1 = first.toBig();
        BigInteger s2 = squares.toBig();
        BigInteger a = spread(n, s1, s2);
        if (count < 4 || a.signum() == 0) {
            return Double.NaN;
        }
        BigInteger c = n.pow(3).multiply(high.fourths())
                .subtract(FOUR.multiply(n.pow(2)).multiply(s1).multiply(high.cubes()))
                .add(SIX.multiply(n).multiply(s1.pow(2)).multiply(s2))
                .subtract(THREE.multiply(s1.pow(4)));
        BigInteger less = BigInteger.valueOf(count - 1);
        BigInteger inner = BigInteger.valueOf(count + 1).multiply(c)
                .subtract(THREE.multiply(less).multiply(a.pow(2)));
        BigInteger below = BigInteger.valueOf(count - 2).multiply(BigInteger.valueOf(count - 3)).multiply(a.pow(2));
        return ExactDivision.divide(less.multiply(inner), below);
    }

    public int places() {
        return places;
    }
}
