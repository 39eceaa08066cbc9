package penstock.number;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ExactDivisionTest {
    // enough digits to hold every half-way case exactly
    private static final MathContext DIGITS = new MathContext(400, RoundingMode.HALF_EVEN);
    private final Random random = new Random(1);

    private static double expected(BigInteger n, BigInteger d) {
        return new BigDecimal(n).divide(new BigDecimal(d), DIGITS).doubleValue();
    }

    private static void check(BigInteger n, BigInteger d) {
        long expected = Double.doubleToRawLongBits(expected(n, d));
        assertEquals(expected, Double.doubleToRawLongBits(ExactDivision.divide(n, d)), () -> n + " / " + d);
        if (n.bitLength() < 128 && d.bitLength() < 64) {
            double fast = ExactDivision.divide(n.shiftRight(64).longValue(), n.longValue(), d.longValue());
            assertEquals(expected, Double.doubleToRawLongBits(fast), () -> n + " / " + d + " in longs");
        }
    }

    private BigInteger big(int bits) {
        BigInteger value = new BigInteger(bits, random);
        return random.nextBoolean() ? value : value.negate();
    }

    @Test
    void randomOperandsOfAllSizes() {
        for (int i = 0; i < 30_000; i++) {
            BigInteger d = new BigInteger(1 + random.nextInt(random.nextBoolean() ? 63 : 150), random);
            check(big(1 + random.nextInt(random.nextBoolean() ? 127 : 250)), d.max(BigInteger.ONE));
        }
    }

    @Test
    void halfWayCasesGoToEven() {
        for (int i = 0; i < 10_000; i++) {
            BigInteger half = new BigInteger(53, random).setBit(52).shiftLeft(1).setBit(0);
            BigInteger d = new BigInteger(1 + random.nextInt(62), random).max(BigInteger.ONE);
            BigInteger n = half.multiply(d);
            check(n, d);
            check(n.add(BigInteger.ONE), d);
            check(n.subtract(BigInteger.ONE), d.shiftLeft(1));
        }
    }

    @Test
    void edges() {
        for (BigInteger d : new BigInteger[] {BigInteger.ONE, BigInteger.TWO, BigInteger.valueOf(Long.MAX_VALUE)}) {
            for (int shift = 0; shift < 128; shift++) {
                check(BigInteger.ONE.shiftLeft(shift).negate(), d);
                check(BigInteger.ONE.shiftLeft(shift).subtract(BigInteger.ONE), d);
            }
        }
    }

    @Test
    void zeroIsNeverNegative() {
        assertEquals(0L, Double.doubleToRawLongBits(ExactDivision.divide(0, 0, 3)));
        assertEquals(0L, Double.doubleToRawLongBits(ExactDivision.divide(0, 0, Long.MAX_VALUE)));
        assertEquals(0L, Double.doubleToRawLongBits(ExactDivision.divide(BigInteger.ZERO, BigInteger.TEN)));
    }
}
