package penstock.number;

import java.math.BigInteger;
import java.nio.ByteBuffer;

/**
 * One correctly rounded division (half to even) of exact integers to a double. Quotients must lie in the normal range,
 * which numerators and denominators of fewer than 1000 bits cannot leave. A zero is never negative.
 */
public final class ExactDivision {
    private static final long EXACT = 1L << 53;
    /** Quotient bits kept by the wide division: more than a double's 53 and one for rounding. */
    private static final int KEPT = 62;

    private ExactDivision() {}

    /** {@code (hi * 2**64 + lo) / d} for a signed 128-bit numerator and {@code d > 0}. */
    public static double divide(long hi, long lo, long d) {
        if (hi == lo >> 63 && lo > -EXACT && lo < EXACT && d < EXACT) {
            return lo / (double) d + 0.0;
        }
        boolean negative = hi < 0;
        long low = negative ? -lo : lo;
        long high = negative ? ~hi + (lo == 0 ? 1 : 0) : hi;
        double magnitude = divideMagnitude(high, low, d);
        return negative ? -magnitude : magnitude;
    }

    // the numerator is shifted up to 126 or 127 bits and the denominator to 64, so that the quotient has 62 to 64
    private static double divideMagnitude(long hi, long lo, long d) {
        if (hi < 0) {
            return divide(new BigInteger(1, bytes(hi, lo)), BigInteger.valueOf(d));
        }
        int up = (hi != 0 ? Long.numberOfLeadingZeros(hi) : 64 + Long.numberOfLeadingZeros(lo)) - 1;
        int dUp = Long.numberOfLeadingZeros(d);
        long h = up >= 64 ? lo << (up - 64) : up == 0 ? hi : hi << up | lo >>> (64 - up);
        long l = up >= 64 ? 0 : lo << up;
        return quotient(h, l, d << dUp, dUp - up);
    }

    // Knuth's algorithm D with two 32-bit digits, as in Hacker's Delight (divlu): needs h < v unsigned, v's top bit set
    private static double quotient(long h, long l, long v, int scale) {
        long v1 = v >>> 32;
        long v0 = v & 0xFFFFFFFFL;
        long q1 = digit(h, l >>> 32, v1, v0);
        long middle = (h << 32 | l >>> 32) - q1 * v;
        long q0 = digit(middle, l & 0xFFFFFFFFL, v1, v0);
        long rest = (middle << 32 | l & 0xFFFFFFFFL) - q0 * v;
        long q = (q1 << 32) + q0;
        return round(q >>> 1 | q & 1, rest != 0, scale + 1);
    }

    private static long digit(long high, long next, long v1, long v0) {
        long q = Long.divideUnsigned(high, v1);
        long r = high - q * v1;
        while (q >>> 32 != 0 || Long.compareUnsigned(q * v0, r << 32 | next) > 0) {
            q--;
            r += v1;
            if (r >>> 32 != 0) {
                break;
            }
        }
        return q;
    }

    // a lost rest only matters as "more than": the lowest of at least 61 bits can say so
    private static double round(long q, boolean rest, int scale) {
        return Math.scalb((double) (rest ? q | 1 : q), scale);
    }

    /** {@code n / d} for {@code d > 0}. */
    public static double divide(BigInteger n, BigInteger d) {
        if (n.signum() == 0) {
            return 0.0;
        }
        BigInteger size = n.abs();
        int up = KEPT + d.bitLength() - size.bitLength();
        BigInteger[] parts = up >= 0
                ? size.shiftLeft(up).divideAndRemainder(d)
                : size.divideAndRemainder(d.shiftLeft(-up));
        // the quotient has 62 or 63 bits
        double magnitude = round(parts[0].longValueExact(), parts[1].signum() != 0, -up);
        return n.signum() < 0 ? -magnitude : magnitude;
    }

    private static byte[] bytes(long hi, long lo) {
        return ByteBuffer.allocate(16).putLong(hi).putLong(lo).array();
    }
}
