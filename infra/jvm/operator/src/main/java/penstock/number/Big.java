package penstock.number;

import java.math.BigInteger;

/** Big integers from longs. */
public final class Big {
    private static final BigInteger LOW_HALF = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    private Big() {}

    /** The long's bits as an unsigned number. */
    public static BigInteger unsigned(long bits) {
        return BigInteger.valueOf(bits).and(LOW_HALF);
    }
}
